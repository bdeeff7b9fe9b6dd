//! Runs the program that a kubeconfig names under `exec` once, and turns its answer into a token or a client
//! certificate. kube's own code would run it up to three times, and hides its install hint.

use std::{process::Stdio, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::{kubeconfig_fault::KubeconfigFault, options::Attendance};

/// A plugin may open a browser and wait for a person, so the limit is generous; without a terminal nobody is there.
const INTERACTIVE_LIMIT: Duration = Duration::from_mins(5);
const UNATTENDED_LIMIT: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct ExecCredential {
    status: Option<ExecCredentialStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredentialStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Replaces `exec` in the user's entry by what the plugin gives. An entry that has another credential keeps it and
/// the plugin is not run, as in client-go.
pub(super) async fn resolve(
    user: &mut AuthInfo,
    name: &str,
    people: Attendance,
) -> Result<(), KubeconfigFault> {
    let Some(config) = user.exec.take() else {
        return Ok(());
    };
    let has_own = user.token.is_some()
        || user.token_file.is_some()
        || user.username.is_some()
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some();
    if has_own {
        return Ok(());
    }
    let status =
        run(&config, people)
            .await
            .map_err(|problem| KubeconfigFault::CredentialPlugin {
                user: name.to_owned(),
                install_hint: config
                    .install_hint
                    .clone()
                    .filter(|_| problem.starts_with("cannot be started")),
                problem,
            })?;
    user.token = status.token.map(SecretString::from);
    user.client_certificate_data = status
        .client_certificate_data
        .map(|pem| STANDARD.encode(pem));
    user.client_key_data = status
        .client_key_data
        .map(|pem| SecretString::from(STANDARD.encode(pem)));
    Ok(())
}

/// Runs the plugin; the error completes the sentence "the credential plugin ...".
async fn run(config: &ExecConfig, people: Attendance) -> Result<ExecCredentialStatus, String> {
    let program = config.command.as_deref().ok_or("has no command")?;
    let attendance = attendance(config.interactive_mode.as_ref(), people, program)?;
    let limit = if attendance == Attendance::Interactive {
        INTERACTIVE_LIMIT
    } else {
        UNATTENDED_LIMIT
    };
    let mut command = tokio::process::Command::new(program);
    command
        .args(config.args.iter().flatten())
        .envs(variables(config))
        .env("KUBERNETES_EXEC_INFO", exec_info(config, attendance))
        .stdin(if attendance == Attendance::Interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(match people {
            Attendance::Unasked => Stdio::null(),
            Attendance::Interactive | Attendance::Unattended => Stdio::inherit(),
        })
        .kill_on_drop(true);
    let output = match tokio::time::timeout(limit, command.output()).await {
        Err(_) => {
            return Err(format!(
                "`{program}` gave no answer within {} s",
                limit.as_secs()
            ));
        }
        Ok(Err(error)) => return Err(format!("cannot be started: `{program}`: {error}")),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        return Err(format!("`{program}` failed ({})", output.status));
    }
    parse_credential(&output.stdout).map_err(|problem| format!("`{program}` {problem}"))
}

fn attendance(
    mode: Option<&ExecInteractiveMode>,
    people: Attendance,
    program: &str,
) -> Result<Attendance, String> {
    match mode {
        Some(ExecInteractiveMode::Never) => Ok(Attendance::Unattended),
        Some(ExecInteractiveMode::Always) if people != Attendance::Interactive => Err(format!(
            "`{program}` needs a person, and standard input is not a terminal"
        )),
        _ => Ok(people),
    }
}

fn variables(config: &ExecConfig) -> impl Iterator<Item = (&String, &String)> {
    config
        .env
        .iter()
        .flatten()
        .filter_map(|entry| Some((entry.get("name")?, entry.get("value")?)))
}

fn exec_info(config: &ExecConfig, attendance: Attendance) -> String {
    let mut spec = json!({ "interactive": attendance == Attendance::Interactive });
    if let Some(cluster) = config
        .cluster
        .as_ref()
        .filter(|_| config.provide_cluster_info)
    {
        spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
    }
    json!({ "kind": "ExecCredential", "apiVersion": config.api_version, "spec": spec }).to_string()
}

/// Reads an `ExecCredential`, which some plugins write as YAML.
fn parse_credential(answer: &[u8]) -> Result<ExecCredentialStatus, String> {
    let credential: ExecCredential = serde_saphyr::from_slice(answer)
        .map_err(|_| "did not answer with an ExecCredential".to_owned())?;
    let status = credential.status.ok_or("answered without a status")?;
    match (
        &status.token,
        &status.client_certificate_data,
        &status.client_key_data,
    ) {
        (None, None, _) => Err("gave neither a token nor a client certificate".to_owned()),
        (_, Some(_), None) => Err("gave a client certificate without its key".to_owned()),
        _ => Ok(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_json_and_from_yaml() {
        for answer in [
            r#"{"kind":"ExecCredential","status":{"token":"t"}}"#,
            "status:\n  token: t\n",
        ] {
            assert_eq!(
                parse_credential(answer.as_bytes())
                    .ok()
                    .and_then(|status| status.token)
                    .as_deref(),
                Some("t")
            );
        }
    }

    #[test]
    fn an_answer_without_a_credential_says_what_is_missing() {
        let problem = |answer: &str| {
            parse_credential(answer.as_bytes())
                .err()
                .unwrap_or_default()
        };
        assert_eq!(problem("{}"), "answered without a status");
        assert_eq!(
            problem(r#"{"status":{}}"#),
            "gave neither a token nor a client certificate"
        );
        assert_eq!(
            problem(r#"{"status":{"clientCertificateData":"c"}}"#),
            "gave a client certificate without its key"
        );
        assert_eq!(
            problem("no such account"),
            "did not answer with an ExecCredential"
        );
    }

    #[tokio::test]
    async fn another_credential_keeps_the_plugin_from_running() {
        let mut user = AuthInfo {
            token: Some("t".to_owned().into()),
            ..AuthInfo::default()
        };
        user.exec = Some(ExecConfig {
            command: Some("/does/not/exist".to_owned()),
            ..ExecConfig::default()
        });
        resolve(&mut user, "u", Attendance::Unattended)
            .await
            .unwrap();
        assert!(user.exec.is_none());
    }
}
