// A whole site in one document: addresses are real (the server answers any of them with this page), the view is made here.
import { picture, works } from '/works.js';

const view = document.querySelector('#view');
const wall = (list) =>
  `<ul class="wall">${list
    .map((work) => `<li><a href="/works/${work.slug}"><span class="frame">${picture(work)}</span><span class="label"><span>${work.title}</span><span>${work.year}</span></span></a></li>`)
    .join('')}</ul>`;

function exhibition() {
  return {
    title: 'Drawn by numbers',
    html: `<h1>Drawn by numbers</h1><p class="lead">Eight pictures by three artists. None is an image file: each is a rule and a number, and hangs only while somebody looks.</p>${wall(works)}`,
  };
}

function one(slug) {
  const index = works.findIndex((work) => work.slug === slug);
  if (index < 0) return missing();
  const work = works[index];
  const [before, after] = [works[(index + works.length - 1) % works.length], works[(index + 1) % works.length]];
  return {
    title: work.title,
    html: `<article class="work"><div class="frame" id="sheet">${picture(work)}</div><div><h1>${work.title}</h1>
      <p class="meta">${work.artist}, ${work.year} · sheet <span id="seed">${work.seed}</span></p><p>${work.text}</p>
      <button type="button" id="again">Draw another sheet</button></div></article>
      <div class="pager"><a href="/works/${before.slug}">← ${before.title}</a><a href="/works/${after.slug}">${after.title} →</a></div>`,
    ready() {
      let seed = work.seed;
      document.querySelector('#again').addEventListener('click', () => {
        seed += 1;
        document.querySelector('#seed').textContent = String(seed);
        document.querySelector('#sheet').innerHTML = picture(work, seed);
      });
    },
  };
}

function artists() {
  const about = {
    'Ines Duarte': 'Was a cartographer until the maps drew themselves. Now she draws the maps’ horizons.',
    'Bo Lindgren': 'Weaves by day. His programs are shorter than his shopping lists, and he prints both.',
    'Noor Haddad': 'Comes from radio. Listens to a rule for a week before she lets it make a mark.',
  };
  const rows = Object.entries(about).map(([name, text]) => {
    const links = works.filter((work) => work.artist === name).map((work) => `<a href="/works/${work.slug}">${work.title}</a>`);
    return `<li><h2>${name}</h2><p>${text}</p><p>${links.join(', ')}</p></li>`;
  });
  return { title: 'Artists', html: `<h1>Artists</h1><ul class="rows">${rows.join('')}</ul>` };
}

function visit() {
  return {
    title: 'Visit',
    html: `<h1>Visit</h1><p class="lead">The gallery is wherever you are. The room with real walls is at Lamp Street 9, open Thursday to Sunday from noon to eight.</p>
      <ul class="rows"><li><h2>Until 28 March</h2><p>Drawn by numbers. Talk with the artists every first Friday at seven.</p></li><li><h2>From 10 April</h2><p>Slow machines: three plotters, one sheet of paper, six weeks.</p></li></ul>`,
  };
}

function missing() {
  return { title: 'Empty wall', html: '<h1>An empty wall</h1><p class="lead">Nothing hangs at this address. <a href="/">Back to the exhibition</a></p>' };
}

function route(path) {
  const parts = path.split('/').filter(Boolean);
  if (parts.length === 0) return exhibition();
  if (parts.length === 2 && parts[0] === 'works') return one(parts[1]);
  if (parts.length === 1 && parts[0] === 'artists') return artists();
  if (parts.length === 1 && parts[0] === 'visit') return visit();
  return missing();
}

function show(moved) {
  const page = route(location.pathname);
  document.title = `${page.title} · Lumen Gallery`;
  view.innerHTML = page.html;
  page.ready?.();
  for (const link of document.querySelectorAll('nav a')) {
    if (link.pathname === location.pathname) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (moved) view.focus({ preventScroll: true });
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.origin !== location.origin || link.target) return;
  event.preventDefault();
  if (link.pathname !== location.pathname) history.pushState(null, '', link.pathname);
  show(true);
  scrollTo(0, 0);
});
addEventListener('popstate', () => show(true));
document.querySelector('#count').textContent = `${works.length} works.`;
show(false);
