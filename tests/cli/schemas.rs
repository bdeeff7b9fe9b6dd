//! Holds documents against the schemas that are published in `docs/schemas`.

use std::{fs, path::Path};

use jsonschema::{Registry, Validator};
use serde_json::Value;

fn read(name: &str) -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{name}.schema.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn validator(name: &str) -> Validator {
    // The list of reports refers to the schema of one.
    let one = Registry::new().add("file:///docs/schemas/verify.schema.json", read("verify"));
    let one = one.unwrap().prepare().unwrap();
    jsonschema::options()
        .with_base_uri("file:///docs/schemas/")
        .with_registry(&one)
        .build(&read(name))
        .unwrap()
}

/// What is wrong with a JUnit document.
pub(crate) fn junit_errors(text: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas/junit.xsd");
    let schema = fs::read_to_string(path).unwrap();
    let schema = uppsala::parse(&schema).unwrap();
    let validator = uppsala::XsdValidator::from_schema(&schema).unwrap();
    let document = uppsala::parse(text).unwrap();
    let errors = validator.validate(&document).into_iter();
    errors.map(|error| error.to_string()).collect()
}

#[track_caller]
pub(crate) fn assert_follows(name: &str, document: &Value) {
    let validator = validator(name);
    let errors = validator.iter_errors(document);
    let errors: Vec<_> = errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
