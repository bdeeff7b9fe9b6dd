//! The kubeconfig of one service account: one cluster, one user, one context, and nothing of the caller's own login.

use serde_json::{Value, json};

use super::credential::{Holder, Issued};
use crate::cluster::ServerEntry;

/// The extension of the context in which the credential's id and end are told.
const EXTENSION: &str = "kubectl-trainer.dev/credential";
const EXEC_VERSION: &str = "client.authentication.k8s.io/v1";
/// The program that an entry that renews itself runs.
const PROGRAM: &str = "kubectl-trainer";

/// How the file logs in.
#[derive(Clone, Copy, Debug)]
pub enum Login<'a> {
    Token(&'a str),
    /// Each client runs this program for a token, as whoever the caller's own kubeconfig says.
    Renewing(&'a Renewing),
}

/// What the program needs to fetch a token anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewing {
    /// The context of the caller's own kubeconfig.
    pub context: String,
    /// The caller's kubeconfig files, as the variable `KUBECONFIG` takes them: else the program would read the file that
    /// runs it.
    pub kubeconfig: String,
    /// The Secret that every token is bound to.
    pub marker: String,
    pub lifetime_seconds: u64,
}

/// The file's content. `cluster` is what the caller's kubeconfig calls the cluster.
pub fn kubeconfig(
    entry: &ServerEntry,
    cluster: &str,
    holder: &Holder,
    login: Login<'_>,
    issued: &Issued,
) -> Value {
    let cluster = if cluster.is_empty() {
        "cluster"
    } else {
        cluster
    };
    let name = format!("{cluster}-{}-{}", holder.namespace, holder.account);
    let mut extension = json!({ "id": issued.id });
    if let Some(expires) = issued.expires {
        extension["expiresAt"] = expires.to_string().into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": cluster, "cluster": cluster_fields(entry) }],
        "users": [{ "name": name, "user": user_fields(holder, login) }],
        "contexts": [{
            "name": name,
            "context": {
                "cluster": cluster,
                "user": name,
                "namespace": holder.namespace,
                "extensions": [{ "name": EXTENSION, "extension": extension }],
            },
        }],
        "current-context": name,
    })
}

fn cluster_fields(entry: &ServerEntry) -> Value {
    let mut fields = json!({ "server": entry.server });
    let others = [
        ("certificate-authority-data", entry.authority_data()),
        ("tls-server-name", entry.tls_server_name.clone()),
        ("proxy-url", entry.proxy_url.clone()),
    ];
    for (key, value) in others {
        if let Some(value) = value {
            fields[key] = value.into();
        }
    }
    fields
}

fn user_fields(holder: &Holder, login: Login<'_>) -> Value {
    let renewing = match login {
        Login::Token(token) => return json!({ "token": token }),
        Login::Renewing(renewing) => renewing,
    };
    let seconds = format!("{}s", renewing.lifetime_seconds);
    let mut words = vec![
        "access",
        "token",
        &holder.account,
        "-n",
        &holder.namespace,
        "--credential",
        &renewing.marker,
        "--duration",
        &seconds,
        "-o",
        "exec-credential",
    ];
    if !renewing.context.is_empty() {
        words.extend(["--context", &renewing.context]);
    }
    json!({ "exec": {
        "apiVersion": EXEC_VERSION,
        "command": PROGRAM,
        "args": words,
        "env": [{ "name": "KUBECONFIG", "value": renewing.kubeconfig }],
        "installHint": "this entry fetches its tokens with kubectl-trainer, which has to be on the PATH",
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": false,
    } })
}

/// What a credential plugin answers.
pub fn exec_credential(token: &str, issued: &Issued) -> Value {
    let mut status = json!({ "token": token });
    if let Some(expires) = issued.expires {
        status["expirationTimestamp"] = expires.to_string().into();
    }
    json!({ "apiVersion": EXEC_VERSION, "kind": "ExecCredential", "status": status })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::cluster::{CertificateCheck, ProxyLogin};

    fn entry() -> ServerEntry {
        ServerEntry {
            server: "https://api.example:6443".to_owned(),
            authority: Some("PEM\n".to_owned()),
            tls_server_name: Some("kubernetes".to_owned()),
            proxy_url: None,
            proxy_login: ProxyLogin::None,
            check: CertificateCheck::On,
            kubeconfig: Vec::new(),
        }
    }

    fn holder() -> Holder {
        Holder {
            namespace: "team-a".to_owned(),
            account: "trainer-ci".to_owned(),
            uid: "u".to_owned(),
            persona: None,
        }
    }

    fn issued() -> Issued {
        Issued {
            id: "5b7c".to_owned(),
            issued: Timestamp::UNIX_EPOCH,
            expires: Some(Timestamp::from_second(3600).unwrap()),
        }
    }

    fn yaml(login: Login<'_>) -> String {
        let file = kubeconfig(&entry(), "prod", &holder(), login, &issued());
        serde_saphyr::to_string(&file).unwrap()
    }

    #[test]
    fn a_file_with_a_token_has_that_and_the_way_to_the_server_and_no_more() {
        assert_data_eq!(
            yaml(Login::Token("eyJ")),
            str![[r#"
apiVersion: v1
kind: Config
clusters:
- name: prod
  cluster:
    server: https://api.example:6443
    certificate-authority-data: UEVNCg==
    tls-server-name: kubernetes
users:
- name: prod-team-a-trainer-ci
  user:
    token: eyJ
contexts:
- name: prod-team-a-trainer-ci
  context:
    cluster: prod
    user: prod-team-a-trainer-ci
    namespace: team-a
    extensions:
    - name: kubectl-trainer.dev/credential
      extension:
        id: 5b7c
        expiresAt: "1970-01-01T01:00:00Z"
current-context: prod-team-a-trainer-ci

"#]]
        );
    }

    #[test]
    fn an_entry_that_renews_itself_reads_the_callers_kubeconfig_and_not_its_own_file() {
        let renewing = Renewing {
            context: "prod".to_owned(),
            kubeconfig: "/home/ann/.kube/config".to_owned(),
            marker: "kubectl-trainer-credential-abcdefgh".to_owned(),
            lifetime_seconds: 3600,
        };
        assert_data_eq!(
            yaml(Login::Renewing(&renewing)),
            str![[r#"
apiVersion: v1
kind: Config
clusters:
- name: prod
  cluster:
    server: https://api.example:6443
    certificate-authority-data: UEVNCg==
    tls-server-name: kubernetes
users:
- name: prod-team-a-trainer-ci
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: kubectl-trainer
      args:
      - access
      - token
      - trainer-ci
      - -n
      - team-a
      - --credential
      - kubectl-trainer-credential-abcdefgh
      - --duration
      - 3600s
      - -o
      - exec-credential
      - --context
      - prod
      env:
      - name: KUBECONFIG
        value: /home/ann/.kube/config
      installHint: this entry fetches its tokens with kubectl-trainer, which has to be on the PATH
      interactiveMode: IfAvailable
      provideClusterInfo: false
contexts:
- name: prod-team-a-trainer-ci
  context:
    cluster: prod
    user: prod-team-a-trainer-ci
    namespace: team-a
    extensions:
    - name: kubectl-trainer.dev/credential
      extension:
        id: 5b7c
        expiresAt: "1970-01-01T01:00:00Z"
current-context: prod-team-a-trainer-ci

"#]]
        );
    }
}
