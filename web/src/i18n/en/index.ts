import certificates from './certificates.json';
import dns from './dns.json';
import fleet from './fleet.json';
import identity from './identity.json';
import overview from './overview.json';
import problem from './problem.json';
import shell from './shell.json';
import sites from './sites.json';
import spine from './spine.json';
import tenancy from './tenancy.json';
import ui from './ui.json';

export default { certificates, dns, fleet, identity, overview, problem, shell, sites, spine, tenancy, ui };
