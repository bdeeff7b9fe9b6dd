//! Schema fingerprints on a real API server: what it would store has the fingerprint of what was released.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;
use testbed::bundle::{self, RELEASES};
use testbed::releases_table::schema::fingerprint;
use testbed::{Testbed, programs};

#[test]
fn an_api_server_keeps_the_fingerprint_of_every_released_definition() {
    let Some(bed) = Testbed::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let bundle_file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemas.json.xz");
    let kubectl = programs::kubectl(&mut io::stderr()).unwrap();
    for (version, _) in RELEASES {
        let release =
            bundle::manifests(version, &bundle_file, &kubectl, &mut io::stderr()).unwrap();
        let definitions = release
            .manager
            .iter()
            .filter(|object| object["kind"] == "CustomResourceDefinition");
        let mut count = 0;
        for released in definitions {
            let file = folder.path().join("definition.json");
            fs::write(&file, released.to_string()).unwrap();
            let file = file.to_str().unwrap();
            let stored = bed
                .kubectl(&[
                    "replace",
                    "--dry-run=server",
                    "--output=json",
                    "--filename",
                    file,
                ])
                .unwrap();
            let stored: Value = serde_json::from_slice(&stored.stdout).unwrap();
            assert!(
                stored["status"]["acceptedNames"].is_object(),
                "the API server had its hands on it"
            );
            assert_eq!(
                fingerprints(&stored),
                fingerprints(released),
                "{version} {}",
                released["metadata"]["name"]
            );
            count += 1;
        }
        assert_eq!(count, 4, "{version}");
    }
}

fn fingerprints(definition: &Value) -> Vec<String> {
    let versions = definition["spec"]["versions"].as_array().unwrap();
    versions
        .iter()
        .map(|version| fingerprint(&version["schema"]["openAPIV3Schema"]))
        .collect()
}
