//! From flags and kubeconfig to a `Cluster`: which server, which credential, which way there.

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use kube::{
    Config,
    config::{
        AuthInfo, Context, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError,
        NamedAuthInfo, NamedCluster, NamedContext,
    },
};
use secrecy::SecretString;

use super::{
    credential_plugin,
    environment::{Environment, NamedBy, Surroundings},
    exchange::Gate,
    failure::{Failure, FailureKind, Target},
    files::{Reading, read_aside},
    flags,
    kubeconfig::{self, Selection},
    kubeconfig_fault::{KubeconfigFault, Section},
    login::{Login, OtherLogin},
    options::{Attendance, ConnectionOptions},
    proxy::{self, Proxy, without_credentials},
    request_log::RequestLog,
    server_entry::ServerEntry,
    transport,
    way::{Way, Ways},
};

/// One cluster, as one caller. Cheap to clone; all clones share one connection, made when the first request is.
#[derive(Clone)]
pub struct Cluster {
    pub(super) ways: Arc<Ways>,
    pub(super) target: Arc<Target>,
    namespace: String,
    /// The user that every request acts as, if not as the caller.
    pub(super) acts_as: Option<String>,
    pub(super) proxy: Option<Proxy>,
    pub(super) limit: Duration,
    pub(super) log: RequestLog,
    pub(super) gate: Arc<Gate>,
    entry: Arc<ServerEntry>,
    login: Arc<Login>,
}

impl Cluster {
    /// Reads the kubeconfig, fetches the credential (an exec plugin runs here, once) and prepares the connection.
    /// Nothing is sent to the cluster.
    pub async fn connect(options: &ConnectionOptions) -> Result<Self, Failure> {
        let environment = Environment::read();
        let flags = Target::of_flags(options);
        let mut source = fetch_selection(options, &environment)
            .await
            .map_err(|fault| before_connection(fault, flags.clone()))?;
        let target = source.target(flags);
        let fault = |fault| before_connection(fault, target.clone());
        let others = source.other_logins();
        let config = match &mut source {
            Source::Kubeconfig(selection) => configure(selection, options.attendance)
                .await
                .map_err(fault)?,
            Source::Pod(config) => (**config).clone(),
        };
        let proxy = proxy::choose(
            &config.cluster_url,
            source.proxy_url(),
            &environment.proxies,
        )
        .map_err(|problem| fault(source.bad_cluster(problem)))?;
        let acts_as = config.auth_info.impersonate.clone();
        let login = Login::read(&config.auth_info, others)
            .await
            .map_err(fault)?;
        let files = source.files(environment.kubeconfig_files(options).paths);
        let entry = ServerEntry::new(&config, source.proxy_url(), files);
        let way = prepare(&source, config, proxy.clone())
            .await
            .map_err(fault)?;
        Ok(Self {
            namespace: way.client.default_namespace().to_owned(),
            ways: Arc::new(Ways::new(way, options.clone())),
            target: Arc::new(target),
            acts_as,
            proxy,
            limit: options
                .request_timeout
                .unwrap_or(transport::DEFAULT_RESPONSE_LIMIT),
            log: options.request_log.clone(),
            gate: Arc::default(),
            entry: Arc::new(entry),
            login: Arc::new(login),
        })
    }

    /// The kubeconfig context; empty in a pod or with `--server` alone.
    pub fn context_name(&self) -> &str {
        &self.target.context
    }

    /// URL of the API server.
    pub fn server(&self) -> &str {
        &self.target.server
    }

    /// What somebody else needs to reach the same server.
    pub fn server_entry(&self) -> &ServerEntry {
        &self.entry
    }

    /// What it logs in with.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Whom the caller acts as, by a flag or by the kubeconfig.
    pub fn acts_as(&self) -> Option<&str> {
        self.acts_as.as_deref()
    }

    /// `-n`, else the context's namespace, else `default`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The same connection, looking at another namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: String) -> Self {
        Self { namespace, ..self }
    }

    /// The connection's names, e.g. for commands in hints.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

/// Where the connection's data comes from.
enum Source {
    Kubeconfig(Box<Selection>),
    /// The service account of the pod that this process runs in.
    Pod(Box<Config>),
}

impl Source {
    /// The names to show, beside the flags that were given.
    fn target(&self, flags: Target) -> Target {
        match self {
            Self::Kubeconfig(selection) => Target {
                context: selection.context.clone(),
                cluster: selection.cluster_name.clone(),
                user: selection.user_name.clone(),
                server: shown_server(&flags::server_url(
                    selection.cluster.server.as_deref().unwrap_or_default(),
                )),
                ..flags
            },
            Self::Pod(config) => Target {
                server: shown_server(&config.cluster_url.to_string()),
                ..flags
            },
        }
    }

    fn proxy_url(&self) -> Option<&str> {
        match self {
            Self::Kubeconfig(selection) => selection.cluster.proxy_url.as_deref(),
            Self::Pod(_) => None,
        }
    }

    /// Which of the files the connection is read from.
    fn files(&self, kubeconfig: Vec<PathBuf>) -> Vec<PathBuf> {
        match self {
            Self::Kubeconfig(_) => kubeconfig,
            Self::Pod(_) => Vec::new(),
        }
    }

    fn bad_cluster(&self, problem: String) -> KubeconfigFault {
        let name = match self {
            Self::Kubeconfig(selection) => selection.cluster_name.clone(),
            Self::Pod(_) => String::new(),
        };
        KubeconfigFault::BadFile {
            section: Section::Cluster,
            name,
            problem,
        }
    }

    fn other_logins(&self) -> Vec<OtherLogin> {
        match self {
            Self::Kubeconfig(selection) => selection.others.clone(),
            Self::Pod(config) => OtherLogin::all_of(&config.auth_info),
        }
    }

    fn user_name(&self) -> &str {
        match self {
            Self::Kubeconfig(selection) => &selection.user_name,
            Self::Pod(_) => "",
        }
    }
}

/// kube wraps a kubeconfig's own problem in sentences about itself; the innermost is the one to tell.
fn problem_of_credential(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::InferKubeconfig(problem)) => problem_of(problem),
        Some(kube::Error::RustlsTls(problem)) => {
            format!("its client certificate or key: {problem}")
        }
        _ => error.to_string(),
    }
}

/// The problem in words that name the field of the kubeconfig.
fn problem_of(error: &KubeconfigError) -> String {
    let of = |field: &str, problem: &LoadDataError| match problem {
        LoadDataError::ReadFile(source, path) => {
            format!("its {field} {} cannot be read: {source}", path.display())
        }
        LoadDataError::DecodeBase64(source) => format!("its {field}-data is not base64: {source}"),
        LoadDataError::NoBase64DataOrFile => format!("it has no {field}"),
    };
    match error {
        KubeconfigError::LoadCertificateAuthority(problem) => of("certificate-authority", problem),
        KubeconfigError::LoadClientCertificate(problem) => of("client-certificate", problem),
        KubeconfigError::LoadClientKey(problem) => of("client-key", problem),
        KubeconfigError::ParseCertificates(problem) => {
            format!("its certificate-authority holds no PEM certificate: {problem}")
        }
        other => other.to_string(),
    }
}

fn before_connection(fault: KubeconfigFault, target: Target) -> Failure {
    Failure {
        request: "read the kubeconfig".to_owned(),
        kind: FailureKind::Kubeconfig(fault),
        target: Some(Arc::new(target)),
    }
}

/// A server's URL as it may be shown.
pub(super) fn shown_server(url: &str) -> String {
    without_credentials(url).trim_end_matches('/').to_owned()
}

async fn fetch_selection(
    options: &ConnectionOptions,
    environment: &Environment,
) -> Result<Source, KubeconfigFault> {
    let (options, environment) = (options.clone(), environment.clone());
    let first = environment
        .kubeconfig_files(&options)
        .paths
        .into_iter()
        .next();
    let given = options.clone();
    read_aside(Reading::Flags, move || flags::check(&given)).await?;
    read_aside(Reading::Kubeconfig(first), move || {
        select(&options, &environment)
    })
    .await
}

/// The way there, which holds the certificates and keys. Nothing is sent yet.
async fn prepare(
    source: &Source,
    mut config: Config,
    proxy: Option<Proxy>,
) -> Result<Way, KubeconfigFault> {
    config.headers.push(transport::user_agent());
    let user = source.user_name().to_owned();
    read_aside(Reading::FilesOf(user.clone()), move || {
        Way::new(&config, proxy.as_ref()).map_err(|error| KubeconfigFault::BadFile {
            section: Section::User,
            name: user,
            problem: problem_of_credential(error.as_ref()),
        })
    })
    .await
}

fn select(
    options: &ConnectionOptions,
    environment: &Environment,
) -> Result<Source, KubeconfigFault> {
    let files = environment.kubeconfig_files(options);
    let kubeconfig = match &options.kubeconfig_text {
        Some(text) => kubeconfig::parse(text)?,
        None => kubeconfig::load(&files)?,
    };
    let may_ask_pod =
        environment.surroundings == Surroundings::Pod && files.named_by == NamedBy::Environment;
    match kubeconfig::select(&kubeconfig, options) {
        Ok(selection) => Ok(Source::Kubeconfig(Box::new(selection))),
        Err(KubeconfigFault::Missing { .. }) if may_ask_pod => pod(options),
        Err(KubeconfigFault::Missing { .. }) if !files.paths.iter().any(|file| file.exists()) => {
            Err(KubeconfigFault::Missing {
                searched: files.paths,
            })
        }
        Err(fault) => Err(fault),
    }
}

fn pod(options: &ConnectionOptions) -> Result<Source, KubeconfigFault> {
    let mut config = Config::incluster_env().map_err(|error| KubeconfigFault::BadFile {
        section: Section::Pod,
        name: String::new(),
        problem: error.to_string(),
    })?;
    if let Some(token) = &options.token {
        (config.auth_info.token, config.auth_info.token_file) = (Some(token.clone()), None);
    }
    if let Some(namespace) = &options.namespace {
        config.default_namespace.clone_from(namespace);
    }
    kubeconfig::overlay_impersonation(&mut config.auth_info, options);
    Ok(Source::Pod(Box::new(config)))
}

/// Turns the selection into kube's configuration, which reads certificate files.
async fn configure(
    selection: &mut Selection,
    people: Attendance,
) -> Result<Config, KubeconfigFault> {
    normalise_server(selection)?;
    let mut cluster = selection.cluster.clone();
    // Decided in `proxy.rs`: kube would read the environment and compare NO_PROXY with the proxy's own host.
    cluster.proxy_url = None;
    let user = std::mem::take(&mut selection.user);
    let kubeconfig = Kubeconfig {
        clusters: vec![NamedCluster {
            name: "c".to_owned(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: "u".to_owned(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: "x".to_owned(),
            context: Some(Context {
                cluster: "c".to_owned(),
                user: Some("u".to_owned()),
                namespace: selection.namespace.clone(),
                ..Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some("x".to_owned()),
        ..Kubeconfig::default()
    };
    let name = selection.user_name.clone();
    let mut config = read_config(kubeconfig, selection.cluster_name.clone(), name.clone()).await?;
    config.proxy_url = None;
    credential_plugin::resolve(&mut config.auth_info, &name, people).await?;
    read_aside(Reading::FilesOf(name.clone()), move || {
        read_token(&mut config.auth_info, &name)?;
        Ok(config)
    })
    .await
}

async fn read_config(
    kubeconfig: Kubeconfig,
    cluster_name: String,
    user_name: String,
) -> Result<Config, KubeconfigFault> {
    let here = tokio::runtime::Handle::current();
    read_aside(Reading::FilesOf(user_name), move || {
        // Asynchronous in name only: kube reads the certificate files where it stands.
        here.block_on(Config::from_custom_kubeconfig(
            kubeconfig,
            &KubeConfigOptions::default(),
        ))
        .map_err(|error| KubeconfigFault::BadFile {
            section: Section::Cluster,
            name: cluster_name,
            problem: problem_of(&error),
        })
    })
    .await
}

/// Refuses what is no URL. Like client-go, sends no credential over http.
fn normalise_server(selection: &mut Selection) -> Result<(), KubeconfigFault> {
    let given = selection.cluster.server.clone().unwrap_or_default();
    let uri = flags::parse_server(&given);
    match uri.as_ref().and_then(http::Uri::scheme_str) {
        Some("https") => {}
        Some(_) => {
            let user = std::mem::take(&mut selection.user);
            selection.user = AuthInfo {
                impersonate: user.impersonate,
                impersonate_uid: user.impersonate_uid,
                impersonate_groups: user.impersonate_groups,
                impersonate_user_extra: user.impersonate_user_extra,
                ..AuthInfo::default()
            };
        }
        None => {
            return Err(KubeconfigFault::BadEntry {
                section: Section::Cluster,
                name: selection.cluster_name.clone(),
                problem: format!(
                    "its server \"{}\" is not a URL like https://HOST:PORT",
                    without_credentials(&given)
                ),
            });
        }
    }
    selection.cluster.server = Some(flags::server_url(&given));
    Ok(())
}

/// Reads the token file, which usually ends with a newline that does not belong to the token, and refuses a token
/// that no HTTP header can hold. As in client-go, the file wins over a token beside it, unless it cannot be read.
fn read_token(user: &mut AuthInfo, name: &str) -> Result<(), KubeconfigFault> {
    let fault = |problem: String| KubeconfigFault::BadFile {
        section: Section::User,
        name: name.to_owned(),
        problem,
    };
    if let Some(file) = user.token_file.take() {
        match std::fs::read_to_string(&file) {
            Ok(token) => user.token = Some(SecretString::from(token.trim().to_owned())),
            Err(_) if user.token.is_some() => {}
            Err(error) => return Err(fault(format!("its token file {file}: {error}"))),
        }
    }
    if user.token.as_ref().is_none_or(flags::fits_header) {
        return Ok(());
    }
    Err(fault(
        "its token has characters, such as line ends, that no token has".to_owned(),
    ))
}
