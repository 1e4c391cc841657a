//! The list of everything inside as CycloneDX 1.6 JSON.

use super::components::{Component, Origin};
use serde_json::{Value, json};

/// The document. `time` is RFC 3339.
pub fn document(components: &[Component], version: &str, time: &str) -> Value {
    let product = format!("pkg:deb/mpanel@{version}");
    let programs: Vec<String> = components
        .iter()
        .filter(|component| {
            component.origin == Origin::Own && ["mpanel", "mpanel-agent"].contains(&component.name.as_str())
        })
        .map(Component::reference)
        .collect();
    // The web interface is a part of the program that answers it.
    let web = components.iter().filter(|component| component.origin == Origin::Npm);
    let mut needs = programs;
    needs.extend(web.map(Component::reference));
    needs.sort();
    let mut dependencies = vec![json!({"ref": product, "dependsOn": needs})];
    dependencies.extend(
        components
            .iter()
            .map(|component| json!({"ref": component.reference(), "dependsOn": component.needs})),
    );
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": {
                "type": "application",
                "bom-ref": product,
                "name": "mpanel",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": components.iter().map(component).collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

fn component(component: &Component) -> Value {
    let mut value = json!({
        "type": "library",
        "bom-ref": component.reference(),
        "name": component.name,
        "version": component.version,
        "scope": "required",
    });
    let fields = value.as_object_mut().expect("it is made as an object above");
    if component.origin != Origin::Own {
        fields.insert("purl".to_owned(), component.reference().into());
    }
    if !component.licence.is_empty() {
        fields.insert("licenses".to_owned(), json!([{"expression": component.licence}]));
    }
    if let Some((algorithm, content)) = &component.hash {
        fields.insert("hashes".to_owned(), json!([{"alg": algorithm, "content": content}]));
    }
    if let Some(url) = &component.repository {
        fields.insert("externalReferences".to_owned(), json!([{"type": "vcs", "url": url}]));
    }
    value
}
