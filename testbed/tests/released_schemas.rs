//! Schema fingerprints on a real API server: storing a definition must not change its fingerprint.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io;
use std::path::Path;

use serde_json::Value;
use testbed::releases_table::schema::fingerprint;
use testbed::{Testbed, bundle, programs};

#[test]
fn a_definition_read_back_from_the_api_server_has_the_released_fingerprint() {
    let Some(bed) = Testbed::shared() else { return };
    let version = bed.options().trainer.clone().unwrap();
    let bundle_file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemas.json.xz");
    let kubectl = programs::kubectl(&mut io::stderr()).unwrap();
    let release = bundle::manifests(
        version.trim_start_matches('v'),
        &bundle_file,
        &kubectl,
        &mut io::stderr(),
    )
    .unwrap();
    let released: Vec<&Value> = release
        .manager
        .iter()
        .filter(|object| object["kind"] == "CustomResourceDefinition")
        .collect();
    assert_eq!(released.len(), 4);
    for definition in released {
        let name = definition["metadata"]["name"].as_str().unwrap();
        let live = bed
            .kubectl(&["get", "customresourcedefinition", name, "--output=json"])
            .unwrap();
        let live: Value = serde_json::from_slice(&live.stdout).unwrap();
        assert_eq!(fingerprints(&live), fingerprints(definition), "{name}");
    }
}

fn fingerprints(definition: &Value) -> Vec<String> {
    let versions = definition["spec"]["versions"].as_array().unwrap();
    versions
        .iter()
        .map(|version| fingerprint(&version["schema"]["openAPIV3Schema"]))
        .collect()
}
