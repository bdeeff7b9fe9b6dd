//! Reads kubeconfig files and picks one cluster, user and namespace from them, with client-go's rules.
//! Reading (`load`) touches files; picking (`select`) is pure.

use std::{io, path::Path, sync::Arc};

use kube::config::{AuthInfo, Cluster as ClusterEntry, ExecConfig, Kubeconfig, KubeconfigError};
use secrecy::{ExposeSecret, SecretString};

use super::{
    environment::{KubeconfigFiles, NamedBy},
    kubeconfig_fault::{KubeconfigFault, Section},
    login::OtherLogin,
    options::{Compression, ConnectionOptions},
};

/// One cluster, one user, one namespace: flags already laid over the kubeconfig.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) context: String,
    pub(super) cluster_name: String,
    pub(super) user_name: String,
    pub(super) namespace: Option<String>,
    pub(super) cluster: ClusterEntry,
    pub(super) user: AuthInfo,
    /// What the entry and the flags log in with beside a token, also where it is not used here.
    pub(super) others: Vec<OtherLogin>,
}

/// Reads and merges the files; the first that sets a value wins. Missing files are skipped, unless a flag named them.
pub(super) fn load(files: &KubeconfigFiles) -> Result<Kubeconfig, KubeconfigFault> {
    let mut merged = Kubeconfig::default();
    for file in &files.paths {
        match Kubeconfig::read_from(file) {
            Ok(next) => {
                merged = merged
                    .merge(next)
                    .map_err(|error| malformed(file, &error))?;
            }
            Err(KubeconfigError::ReadConfig(source, _))
                if source.kind() == io::ErrorKind::NotFound
                    && files.named_by == NamedBy::Environment => {}
            Err(KubeconfigError::ReadConfig(source, _)) => {
                return Err(KubeconfigFault::Unreadable {
                    file: file.clone(),
                    source: Arc::new(source),
                });
            }
            Err(error) => return Err(malformed(file, &error)),
        }
    }
    Ok(merged)
}

/// Reads a kubeconfig that is in no file yet.
pub(super) fn parse(text: &SecretString) -> Result<Kubeconfig, KubeconfigFault> {
    Kubeconfig::from_yaml(text.expose_secret())
        .map_err(|error| malformed(Path::new("(not written yet)"), &error))
}

fn malformed(file: &Path, error: &KubeconfigError) -> KubeconfigFault {
    let problem = match error {
        // The parser would quote the lines around the fault, and tokens and keys stand there.
        KubeconfigError::Parse(problem) => problem.without_snippet().to_string(),
        other => other.to_string(),
    };
    let line = problem.lines().next().unwrap_or_default();
    let problem = line.strip_prefix("error: ").unwrap_or(line).to_owned();
    KubeconfigFault::Malformed {
        file: file.to_owned(),
        problem,
    }
}

/// Picks the entries and lays the flags over them. An absent context is not an error by itself, as in client-go:
/// flags alone may say enough.
pub(super) fn select(
    kubeconfig: &Kubeconfig,
    options: &ConnectionOptions,
) -> Result<Selection, KubeconfigFault> {
    let wanted = options
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone())
        .unwrap_or_default();
    let context = kubeconfig
        .contexts
        .iter()
        .find(|entry| entry.name == wanted);
    if context.is_none() && !wanted.is_empty() {
        return Err(unknown(Section::Context, &wanted, kubeconfig));
    }
    let context = context
        .and_then(|entry| entry.context.clone())
        .unwrap_or_default();
    let cluster_name = options.cluster.clone().unwrap_or(context.cluster);
    let user_name = options.user.clone().or(context.user).unwrap_or_default();
    let mut cluster = find_cluster(kubeconfig, &cluster_name, options)?;
    let mut user = find_user(kubeconfig, &user_name, options)?;
    overlay_cluster(&mut cluster, options);
    overlay_user(&mut user, options);
    check_cluster(&cluster, &cluster_name)?;
    check_user(&user, &user_name)?;
    let others = OtherLogin::all_of(&user);
    // client-go lets a token win over it; kube would ask it first.
    user.auth_provider = None;
    let given = |namespace: &String| !namespace.is_empty();
    let namespace = options
        .namespace
        .clone()
        .filter(given)
        .or(context.namespace.filter(given));
    if cluster.server.as_deref().unwrap_or_default().is_empty() {
        return Err(no_server(kubeconfig, &wanted, &cluster_name));
    }
    Ok(Selection {
        context: wanted,
        cluster_name,
        user_name,
        namespace,
        cluster,
        user,
        others,
    })
}

fn find_cluster(
    kubeconfig: &Kubeconfig,
    name: &str,
    options: &ConnectionOptions,
) -> Result<ClusterEntry, KubeconfigFault> {
    match kubeconfig.clusters.iter().find(|entry| entry.name == name) {
        Some(entry) => Ok(entry.cluster.clone().unwrap_or_default()),
        None if options.cluster.is_some() || (!name.is_empty() && options.server.is_none()) => {
            Err(unknown(Section::Cluster, name, kubeconfig))
        }
        None => Ok(ClusterEntry::default()),
    }
}

/// A context may name a user that is not there, which means anonymous; `--user` may not.
fn find_user(
    kubeconfig: &Kubeconfig,
    name: &str,
    options: &ConnectionOptions,
) -> Result<AuthInfo, KubeconfigFault> {
    match kubeconfig
        .auth_infos
        .iter()
        .find(|entry| entry.name == name)
    {
        Some(entry) => Ok(entry.auth_info.clone().unwrap_or_default()),
        None if options.user.is_some() => Err(unknown(Section::User, name, kubeconfig)),
        None => Ok(AuthInfo::default()),
    }
}

fn no_server(kubeconfig: &Kubeconfig, context: &str, cluster: &str) -> KubeconfigFault {
    if context.is_empty() && !kubeconfig.contexts.is_empty() {
        return KubeconfigFault::NoCurrentContext {
            known: names(Section::Context, kubeconfig),
        };
    }
    if cluster.is_empty() {
        return KubeconfigFault::Missing {
            searched: Vec::new(),
        };
    }
    let problem = "it has no server".to_owned();
    KubeconfigFault::BadEntry {
        section: Section::Cluster,
        name: cluster.to_owned(),
        problem,
    }
}

/// client-go's `getCluster`: trusting in another way drops the old way, and another server drops the old name.
fn overlay_cluster(cluster: &mut ClusterEntry, options: &ConnectionOptions) {
    let authority = options.certificate_authority.as_deref().map(text_of);
    if options.insecure_skip_tls_verify == Some(true) || authority.is_some() {
        cluster.insecure_skip_tls_verify = options.insecure_skip_tls_verify;
        cluster.certificate_authority = authority;
        cluster.certificate_authority_data = None;
    }
    if options.tls_server_name.is_some() || options.server.is_some() {
        cluster.tls_server_name.clone_from(&options.tls_server_name);
    }
    if let Some(server) = &options.server {
        cluster.server = Some(server.clone());
    }
    if options.compression == Compression::Refused {
        cluster.disable_compression = Some(true);
    }
}

/// client-go's `getAuthInfo`: a flag wins over the entry's field, and a file over embedded data.
fn overlay_user(user: &mut AuthInfo, options: &ConnectionOptions) {
    if let Some(certificate) = &options.client_certificate {
        user.client_certificate = Some(text_of(certificate));
        user.client_certificate_data = None;
    }
    if let Some(key) = &options.client_key {
        user.client_key = Some(text_of(key));
        user.client_key_data = None;
    }
    if let Some(token) = &options.token {
        user.token = Some(token.clone());
        user.token_file = None;
    }
    user.username = options.username.clone().or(user.username.take());
    user.password = options.password.clone().or(user.password.take());
    overlay_impersonation(user, options);
}

pub(super) fn overlay_impersonation(user: &mut AuthInfo, options: &ConnectionOptions) {
    let act_as = &options.impersonate;
    user.impersonate = act_as.user.clone().or(user.impersonate.take());
    user.impersonate_uid = act_as.uid.clone().or(user.impersonate_uid.take());
    if !act_as.groups.is_empty() {
        user.impersonate_groups = Some(act_as.groups.clone());
    }
    if !act_as.extra.is_empty() {
        let extra = user
            .impersonate_user_extra
            .insert(std::collections::HashMap::new());
        for (key, value) in &act_as.extra {
            extra.entry(key.clone()).or_default().push(value.clone());
        }
    }
}

/// client-go refuses to choose between an authority and none.
fn check_cluster(cluster: &ClusterEntry, name: &str) -> Result<(), KubeconfigFault> {
    let has = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
    let authority = has(&cluster.certificate_authority) || has(&cluster.certificate_authority_data);
    if cluster.insecure_skip_tls_verify != Some(true) || !authority {
        return Ok(());
    }
    Err(KubeconfigFault::BadFile {
        section: Section::Cluster,
        name: name.to_owned(),
        problem: "it has an authority for the server's certificate, and says not to check it \
            (insecure-skip-tls-verify); only one is allowed"
            .to_owned(),
    })
}

/// client-go's `validateAuthInfo`, for what would otherwise fail later with a worse message.
fn check_user(user: &AuthInfo, name: &str) -> Result<(), KubeconfigFault> {
    let has_token = user
        .token
        .as_ref()
        .is_some_and(|token| !token.expose_secret().is_empty())
        || user.token_file.is_some();
    let has_certificate =
        user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let has_key = user.client_key.is_some() || user.client_key_data.is_some();
    let acts_with_details = user.impersonate_uid.is_some()
        || user
            .impersonate_groups
            .as_ref()
            .is_some_and(|groups| !groups.is_empty())
        || user
            .impersonate_user_extra
            .as_ref()
            .is_some_and(|extra| !extra.is_empty());
    let problem = if has_token && user.username.is_some() {
        "it has a token and a user name; only one is allowed"
    } else if has_certificate && !has_key {
        "it has a client certificate but no client key"
    } else if acts_with_details && user.impersonate.is_none() {
        "it acts as a group, uid or extra without a user to act as (--as)"
    } else if user.auth_provider.is_some() && !has_token && !has_certificate && user.exec.is_none()
    {
        "it has an auth-provider, which kubectl no longer runs either; a credential plugin (exec) takes its place"
    } else if let Some(problem) = user.exec.as_ref().and_then(exec_problem) {
        problem
    } else {
        return Ok(());
    };
    Err(KubeconfigFault::BadEntry {
        section: Section::User,
        name: name.to_owned(),
        problem: problem.to_owned(),
    })
}

fn exec_problem(exec: &ExecConfig) -> Option<&'static str> {
    let is_v1 = exec.api_version.as_deref() == Some("client.authentication.k8s.io/v1");
    match exec {
        ExecConfig { command: None, .. } => Some("its exec has no command"),
        ExecConfig {
            api_version: None, ..
        } => Some("its exec has no apiVersion"),
        ExecConfig {
            interactive_mode: None,
            ..
        } if is_v1 => Some("its exec has no interactiveMode, which v1 needs"),
        _ => None,
    }
}

fn unknown(section: Section, name: &str, kubeconfig: &Kubeconfig) -> KubeconfigFault {
    KubeconfigFault::UnknownEntry {
        section,
        name: name.to_owned(),
        known: names(section, kubeconfig),
    }
}

fn names(section: Section, kubeconfig: &Kubeconfig) -> Vec<String> {
    match section {
        Section::Context => kubeconfig
            .contexts
            .iter()
            .map(|entry| entry.name.clone())
            .collect(),
        Section::Cluster => kubeconfig
            .clusters
            .iter()
            .map(|entry| entry.name.clone())
            .collect(),
        Section::User => kubeconfig
            .auth_infos
            .iter()
            .map(|entry| entry.name.clone())
            .collect(),
        Section::Pod => Vec::new(),
    }
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
current-context: a
contexts:
- {name: a, context: {cluster: one, user: ann, namespace: team-a}}
- {name: b, context: {cluster: two, user: nobody-such}}
- {name: c, context: {cluster: gone}}
clusters:
- {name: one, cluster: {server: 'https://one:6443', certificate-authority-data: QQ==, tls-server-name: inner}}
- {name: two, cluster: {server: 'https://two:6443', insecure-skip-tls-verify: true}}
- {name: empty, cluster: {}}
users:
- {name: ann, user: {token: t}}
- {name: ben, user: {client-certificate-data: QQ==}}
";

    fn selected(options: &ConnectionOptions) -> Result<Selection, KubeconfigFault> {
        select(&Kubeconfig::from_yaml(FILE).unwrap(), options)
    }

    fn context(name: &str) -> ConnectionOptions {
        ConnectionOptions {
            context: Some(name.to_owned()),
            ..ConnectionOptions::default()
        }
    }

    fn sentence(options: &ConnectionOptions) -> String {
        let fault = selected(options).unwrap_err();
        format!(
            "{fault}; {}",
            fault.hint(&crate::cluster::Target::default())
        )
    }

    #[test]
    fn the_current_context_gives_cluster_user_and_namespace() {
        let selection = selected(&ConnectionOptions::default()).unwrap();
        let names = (
            selection.cluster_name.as_str(),
            selection.user_name.as_str(),
        );
        assert_eq!(names, ("one", "ann"));
        assert_eq!(selection.namespace.as_deref(), Some("team-a"));
    }

    #[test]
    fn a_users_absence_means_anonymous_but_a_flags_does_not() {
        assert!(selected(&context("b")).unwrap().user.token.is_none());
        let flag = ConnectionOptions {
            user: Some("nobody-such".to_owned()),
            ..context("b")
        };
        assert_eq!(
            sentence(&flag),
            "there is no user \"nobody-such\" in the kubeconfig; there are: ann, ben; see: kubectl config get-users"
        );
    }

    #[test]
    fn an_unknown_context_is_answered_with_the_nearest_name() {
        let options = ConnectionOptions {
            context: Some("A".to_owned()),
            ..ConnectionOptions::default()
        };
        assert_eq!(
            sentence(&options),
            "there is no context \"A\" in the kubeconfig; did you mean \"a\"? all: kubectl config get-contexts"
        );
    }

    #[test]
    fn a_cluster_must_exist_and_have_a_server() {
        assert!(sentence(&context("c")).starts_with("there is no cluster \"gone\""));
        let empty = ConnectionOptions {
            cluster: Some("empty".to_owned()),
            ..context("a")
        };
        assert!(
            sentence(&empty).starts_with(
                "cluster \"empty\" of the kubeconfig cannot be used: it has no server"
            )
        );
    }

    #[test]
    fn another_server_drops_the_name_that_its_certificate_must_have() {
        let server = Some("https://three:1".to_owned());
        let selection = selected(&ConnectionOptions {
            server,
            ..context("a")
        })
        .unwrap();
        assert_eq!(selection.cluster.server.as_deref(), Some("https://three:1"));
        assert_eq!(selection.cluster.tls_server_name, None);
        assert!(selection.cluster.certificate_authority_data.is_some());
    }

    #[test]
    fn trusting_in_another_way_drops_the_old_way() {
        let insecure = ConnectionOptions {
            insecure_skip_tls_verify: Some(true),
            ..context("a")
        };
        let selection = selected(&insecure).unwrap();
        assert_eq!(selection.cluster.certificate_authority_data, None);
        let authority = ConnectionOptions {
            certificate_authority: Some("ca.pem".into()),
            ..context("b")
        };
        assert_eq!(
            selected(&authority)
                .unwrap()
                .cluster
                .insecure_skip_tls_verify,
            None
        );
    }

    #[test]
    fn a_user_is_refused_before_anything_is_sent() {
        let half = ConnectionOptions {
            user: Some("ben".to_owned()),
            ..context("a")
        };
        assert!(sentence(&half).contains("it has a client certificate but no client key"));
        let both = ConnectionOptions {
            username: Some("ann".to_owned()),
            ..context("a")
        };
        assert!(sentence(&both).contains("it has a token and a user name"));
        let mut group = context("a");
        group.impersonate.groups.push("admins".to_owned());
        assert!(sentence(&group).contains("without a user to act as (--as)"));
    }

    #[test]
    fn an_authority_and_no_check_of_the_certificate_exclude_each_other() {
        let both = ConnectionOptions {
            insecure_skip_tls_verify: Some(true),
            certificate_authority: Some("ca.pem".into()),
            ..context("a")
        };
        assert!(sentence(&both).contains("insecure-skip-tls-verify"));
    }

    #[test]
    fn an_auth_provider_is_refused_because_it_would_be_ignored() {
        let text = FILE.replace("{token: t}", "{auth-provider: {name: gcp}}");
        let fault = select(&Kubeconfig::from_yaml(&text).unwrap(), &context("a")).unwrap_err();
        assert!(fault.to_string().contains("it has an auth-provider"));
    }

    #[test]
    fn a_token_wins_over_an_auth_provider_beside_it_which_is_told() {
        let provider = "auth-provider: {name: oidc, config: {id-token: sesame}}";
        let text = FILE.replace("{token: t}", &format!("{{token: t, {provider}}}"));
        let selection = select(&Kubeconfig::from_yaml(&text).unwrap(), &context("a")).unwrap();
        assert!(selection.user.auth_provider.is_none() && selection.user.token.is_some());
        assert_eq!(selection.others, [OtherLogin::Provider]);
    }

    #[test]
    fn an_empty_namespace_is_none() {
        let empty = ConnectionOptions {
            namespace: Some(String::new()),
            ..context("a")
        };
        assert_eq!(
            selected(&empty).unwrap().namespace.as_deref(),
            Some("team-a")
        );
    }

    #[test]
    fn a_file_that_cannot_be_parsed_is_not_quoted() {
        let text = "users:\n- name: ann\n  user:\n    token: sesame\n   client-key-data: sesame\n";
        let error = Kubeconfig::from_yaml(text).unwrap_err();
        let fault = malformed(Path::new("config"), &error).to_string();
        assert!(
            !fault.contains("sesame") && fault.lines().count() == 1,
            "{fault}"
        );
    }

    #[test]
    fn without_a_current_context_the_names_are_told() {
        let text = FILE.replace("current-context: a", "");
        let fault = select(
            &Kubeconfig::from_yaml(&text).unwrap(),
            &ConnectionOptions::default(),
        )
        .unwrap_err();
        assert_eq!(fault.to_string(), "the kubeconfig has no current context");
        assert_eq!(
            fault.hint(&crate::cluster::Target::default()),
            "choose one of a, b, c: kubectl config use-context NAME"
        );
    }

    #[test]
    fn a_server_by_flag_needs_no_kubeconfig() {
        let options = ConnectionOptions {
            server: Some("https://x:1".to_owned()),
            ..ConnectionOptions::default()
        };
        let selection = select(&Kubeconfig::default(), &options).unwrap();
        assert_eq!(
            (
                selection.context.as_str(),
                selection.cluster.server.as_deref()
            ),
            ("", Some("https://x:1"))
        );
        assert!(matches!(
            select(&Kubeconfig::default(), &ConnectionOptions::default()),
            Err(KubeconfigFault::Missing { .. })
        ));
    }
}
