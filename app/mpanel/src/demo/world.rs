//! What the demo consists of. Names end in `.example`, which nobody can own (RFC 2606).

/// Limits in whole units; a plan has all of them.
#[derive(Debug)]
pub struct Plan {
    pub name: &'static str,
    pub sites: u32,
    pub domains: u32,
    pub disk_gb: u32,
    pub traffic_gb: u32,
}

#[derive(Debug)]
pub struct Person {
    pub name: &'static str,
    pub email: &'static str,
}

#[derive(Debug)]
pub struct Tenant {
    /// `reseller` or `customer`.
    pub kind: &'static str,
    pub slug: &'static str,
    pub name: &'static str,
    /// One that the tenant above sells.
    pub plan: &'static str,
    pub owner: Person,
    pub sells: &'static [Plan],
    pub zones: &'static [Zone],
    pub sites: &'static [Site],
    pub children: &'static [Tenant],
}

#[derive(Debug)]
pub struct Zone {
    pub apex: &'static str,
    pub records: &'static [Record],
}

/// A record as the API takes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub name: &'static str,
    pub rtype: &'static str,
    pub data: &'static str,
}

#[derive(Debug)]
pub struct Site {
    /// Also the folder of its files.
    pub slug: &'static str,
    pub name: &'static str,
    pub spa_fallback: bool,
    /// An alias: the address that the panel shows must be one that opens.
    pub domain: Option<&'static str>,
    /// Notes of its releases, the oldest first; they tell releases apart.
    pub releases: &'static [&'static str],
}

pub const OWNER: Person = Person {
    name: "Demo Owner",
    email: "demo@mpanel.localhost",
};

pub const PLANS: &[Plan] = &[
    Plan {
        name: "Starter",
        sites: 2,
        domains: 4,
        disk_gb: 2,
        traffic_gb: 50,
    },
    Plan {
        name: "Business",
        sites: 20,
        domains: 40,
        disk_gb: 25,
        traffic_gb: 1000,
    },
    Plan {
        name: "Reseller",
        sites: 100,
        domains: 200,
        disk_gb: 200,
        traffic_gb: 10_000,
    },
];

const NORTHWIND_PLANS: &[Plan] = &[
    Plan {
        name: "Northwind Web",
        sites: 3,
        domains: 6,
        disk_gb: 5,
        traffic_gb: 100,
    },
    Plan {
        name: "Northwind Pro",
        sites: 10,
        domains: 20,
        disk_gb: 20,
        traffic_gb: 500,
    },
];

const BAKERY: Tenant = Tenant {
    kind: "customer",
    slug: "crumb-and-crust",
    name: "Crumb & Crust Bakery",
    plan: "Northwind Web",
    owner: Person {
        name: "Marta Lindqvist",
        email: "marta@crumb-and-crust.example",
    },
    sells: &[],
    zones: &[Zone {
        apex: "crumb-and-crust.example",
        records: &[
            Record {
                name: "@",
                rtype: "MX",
                data: "10 mail.crumb-and-crust.example.",
            },
            Record {
                name: "@",
                rtype: "MX",
                data: "20 backup.northwind-demo.example.",
            },
            Record {
                name: "mail",
                rtype: "A",
                data: "192.0.2.25",
            },
            Record {
                name: "@",
                rtype: "TXT",
                data: "\"v=spf1 mx -all\"",
            },
            Record {
                name: "_dmarc",
                rtype: "TXT",
                data: "\"v=DMARC1; p=reject\"",
            },
            Record {
                name: "shop",
                rtype: "CNAME",
                data: "crumb-and-crust.example.",
            },
        ],
    }],
    sites: &[Site {
        slug: "bakery",
        name: "Crumb & Crust",
        spa_fallback: false,
        domain: Some("crumb-and-crust.example"),
        releases: &["First version", "Winter menu and new opening hours"],
    }],
    children: &[],
};

const STUDIO: Tenant = Tenant {
    kind: "customer",
    slug: "studio-halde",
    name: "Studio Halde",
    plan: "Northwind Pro",
    owner: Person {
        name: "Jonas Halde",
        email: "jonas@studio-halde.example",
    },
    sells: &[],
    zones: &[],
    sites: &[Site {
        slug: "studio",
        name: "Studio Halde",
        spa_fallback: false,
        domain: None,
        releases: &["Portfolio 2026"],
    }],
    children: &[],
};

pub const TENANTS: &[Tenant] = &[
    Tenant {
        kind: "reseller",
        slug: "northwind",
        name: "Northwind Hosting",
        plan: "Reseller",
        owner: Person {
            name: "Nora Vindheim",
            email: "nora@northwind-demo.example",
        },
        sells: NORTHWIND_PLANS,
        zones: &[],
        sites: &[],
        children: &[BAKERY, STUDIO],
    },
    Tenant {
        kind: "customer",
        slug: "lumen-gallery",
        name: "Lumen Gallery",
        plan: "Starter",
        owner: Person {
            name: "Ines Duarte",
            email: "ines@lumen-gallery.example",
        },
        sells: &[],
        zones: &[],
        sites: &[Site {
            slug: "gallery",
            name: "Lumen Gallery",
            spa_fallback: true,
            domain: None,
            releases: &["Spring exhibition"],
        }],
        children: &[],
    },
    Tenant {
        kind: "customer",
        slug: "fieldnote",
        name: "Fieldnote Systems",
        plan: "Business",
        owner: Person {
            name: "Samir Okafor",
            email: "samir@fieldnote.example",
        },
        sells: &[],
        zones: &[],
        sites: &[
            Site {
                slug: "handbook",
                name: "The Small Hosting Handbook",
                spa_fallback: false,
                domain: None,
                releases: &["First edition"],
            },
            Site {
                slug: "status",
                name: "Fieldnote Status",
                spa_fallback: false,
                domain: None,
                releases: &["Incident under investigation", "Incident resolved"],
            },
        ],
        children: &[],
    },
];

/// Every tenant, those above before those below.
pub fn tenants() -> Vec<&'static Tenant> {
    TENANTS
        .iter()
        .flat_map(|tenant| std::iter::once(tenant).chain(tenant.children))
        .collect()
}
