//! The Python that logs the Kubeflow SDK in with the variables of an env file. It holds no credential.

use super::env_file::{
    AUTHORITY_DATA, AUTHORITY_FILE, NAMESPACE, PROXY, SERVER, TLS_SERVER_NAME, TOKEN,
};

/// A module that makes `trainer`, a `TrainerClient`; also for the SDK's oldest release.
pub fn snippet() -> String {
    format!(
        r#"# Logs the Kubeflow SDK in with the variables of an env file. In a shell: set -a; . FILE; set +a
import base64
import os
import tempfile

from kubeflow.trainer import KubernetesBackendConfig, TrainerClient
from kubernetes import client


def setting(name):
    value = os.environ.get(name, "").strip()
    if not value:
        raise SystemExit(f"{{name}} is not set: load the env file first (set -a; . FILE; set +a)")
    return value


def authority():
    data = os.environ.get("{AUTHORITY_DATA}", "").strip()
    if not data:
        return os.environ.get("{AUTHORITY_FILE}", "").strip() or None
    with tempfile.NamedTemporaryFile(suffix=".crt", delete=False) as file:
        file.write(base64.b64decode(data))
    return file.name


configuration = client.Configuration()
configuration.host = setting("{SERVER}")
configuration.api_key = {{"authorization": "Bearer " + setting("{TOKEN}").removeprefix("Bearer ")}}
configuration.ssl_ca_cert = authority()
configuration.tls_server_name = os.environ.get("{TLS_SERVER_NAME}") or None
if os.environ.get("{PROXY}"):
    configuration.proxy = os.environ["{PROXY}"]

trainer = TrainerClient(
    backend_config=KubernetesBackendConfig(
        client_configuration=configuration,
        namespace=setting("{NAMESPACE}"),
    )
)
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snippet_always_checks_the_server_and_names_the_namespace() {
        let text = snippet();
        assert!(!text.contains("verify_ssl"), "{text}");
        for needed in [
            "ssl_ca_cert = authority()",
            "namespace=setting(\"K8S_NAMESPACE\")",
            "raise SystemExit(f\"{name} is not set",
            "from kubeflow.trainer import KubernetesBackendConfig",
        ] {
            assert!(text.contains(needed), "{needed}: {text}");
        }
    }
}
