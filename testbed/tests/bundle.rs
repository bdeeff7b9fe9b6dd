//! The bundle against what it was made from: upstream's own rendering, and the committed table of releases.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lzma_rust2::XzReader;
use serde_json::Value;
use testbed::bundle::{self, ReleaseManifests, SIZE_LIMIT};
use testbed::{is_skipped, programs, record_skip, releases_table};

/// A bundle made anew, once for all tests here; none on a machine that lacks what the test bed needs, which is
/// recorded. A pinned module that cannot be had there is a failure.
fn bundle_path() -> Option<&'static Path> {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    if is_skipped() {
        return None;
    }
    let made = MADE.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests.json.xz");
        let kubectl = programs::kubectl(&mut io::stderr()).unwrap();
        bundle::make(&kubectl, &path, &mut io::stderr()).unwrap();
        assert!(bundle::is_current(&path));
        path
    });
    Some(made)
}

#[test]
fn the_bundle_holds_every_release_and_stays_small() {
    let Some(path) = bundle_path() else { return };
    assert!(fs::metadata(path).unwrap().len() <= SIZE_LIMIT as u64);
    let counts: Vec<_> = bundle::all_manifests(path)
        .unwrap()
        .iter()
        .map(|release| {
            (
                release.version.clone(),
                release.manager.len(),
                release.runtimes.len(),
                release.roles.len(),
            )
        })
        .collect();
    let expected = [
        ("2.0.1", 28, 6, 3),
        ("2.1.0", 29, 6, 3),
        ("2.2.1", 35, 8, 5),
        ("2.3.0", 35, 8, 5),
    ]
    .map(|(version, manager, runtimes, roles)| (version.to_owned(), manager, runtimes, roles));
    assert_eq!(counts, expected);
}

#[test]
fn the_committed_table_is_what_the_released_manifests_say() {
    let Some(path) = bundle_path() else { return };
    let rendered = releases_table::render(&bundle::all_manifests(path).unwrap());
    let committed = fs::read_to_string(releases_table::table_path()).unwrap();
    assert!(
        committed == rendered,
        "src/releases/table.rs is out of date; run `cargo xtask bundle`"
    );
}

#[test]
fn every_object_equals_upstreams_rendering_but_for_the_jobset_image() {
    let Some(folder) = env::var_os("UPSTREAM_RENDERED").map(PathBuf::from) else {
        return record_skip("UPSTREAM_RENDERED names no folder with upstream's rendering");
    };
    let Some(path) = bundle_path() else { return };
    for release in bundle::all_manifests(path).unwrap() {
        compare(
            &release.manager,
            &upstream(&folder, &release, "manager"),
            Coverage::Whole,
        );
        compare(
            &release.runtimes,
            &upstream(&folder, &release, "runtimes"),
            Coverage::Whole,
        );
        compare(
            &release.roles,
            &upstream(&folder, &release, "kubeflow-platform"),
            Coverage::Part,
        );
    }
}

/// Whether the bundle has to hold every object of the rendering.
#[derive(Clone, Copy, PartialEq)]
enum Coverage {
    Whole,
    Part,
}

type Objects = BTreeMap<(String, String), Value>;

fn upstream(folder: &Path, release: &ReleaseManifests, overlay: &str) -> Objects {
    let file = folder.join(format!("trainer-v{}-{overlay}.yaml.xz", release.version));
    let mut yaml = String::new();
    XzReader::new(File::open(file).unwrap(), false)
        .read_to_string(&mut yaml)
        .unwrap();
    let options = serde_saphyr::options! { budget: None };
    by_identity(&serde_saphyr::from_multiple_with_options::<Value>(&yaml, options).unwrap())
}

fn by_identity(objects: &[Value]) -> Objects {
    let text = |object: &Value, pointer: &str| {
        object
            .pointer(pointer)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    objects
        .iter()
        .map(|object| {
            (
                (text(object, "/kind"), text(object, "/metadata/name")),
                object.clone(),
            )
        })
        .collect()
}

fn compare(bundled: &[Value], upstream: &Objects, coverage: Coverage) {
    let bundled = by_identity(bundled);
    if coverage == Coverage::Whole {
        assert_eq!(
            bundled.keys().collect::<Vec<_>>(),
            upstream.keys().collect::<Vec<_>>()
        );
    }
    for (identity, object) in &bundled {
        assert_eq!(
            object,
            &allowed_changes(identity, &upstream[identity]),
            "{identity:?} differs from upstream's"
        );
    }
}

/// Upstream's object with the two changes that the bundle makes.
fn allowed_changes(identity: &(String, String), object: &Value) -> Value {
    let mut object = object.clone();
    let (kind, name) = identity;
    if kind.starts_with("Cluster") || kind.ends_with("WebhookConfiguration") {
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .shift_remove("namespace");
    }
    if kind == "Deployment" && name == "jobset-controller-manager" {
        let version = jobset_version(&object);
        object["spec"]["template"]["spec"]["containers"][0]["image"] =
            format!("registry.k8s.io/jobset/jobset:{version}").into();
    }
    object
}

/// The tag of the released image; 2.0.1 names `main`, where v0.8.2 is meant.
fn jobset_version(deployment: &Value) -> String {
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap();
    let tag = image.rsplit_once(':').unwrap().1;
    if tag == "main" {
        "v0.8.2".to_owned()
    } else {
        tag.to_owned()
    }
}
