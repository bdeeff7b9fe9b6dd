//! From flags and kubeconfig to a `Cluster`: which server, which credential, which way there.

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderValue;
use kube::{
    Client, Config,
    config::{
        AuthInfo, Context, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError,
        NamedAuthInfo, NamedCluster, NamedContext,
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    credential_plugin,
    exchange::Gate,
    failure::{Failure, FailureKind, Target},
    kubeconfig::{self, Selection},
    kubeconfig_fault::{KubeconfigFault, Section},
    options::{Attendance, ConnectionOptions},
    proxy::{self, Proxy, ProxyEnvironment},
    request_log::RequestLog,
    transport,
};

/// One cluster, as one caller. Cheap to clone; all clones share one connection, made when the first request is.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    pub(super) target: Arc<Target>,
    namespace: String,
    pub(super) proxy: Option<Proxy>,
    pub(super) limit: Duration,
    pub(super) log: RequestLog,
    pub(super) gate: Arc<Gate>,
}

/// What this room takes from the environment.
#[derive(Clone, Debug, Default)]
struct Environment {
    kubeconfig_list: Vec<PathBuf>,
    home: Option<PathBuf>,
    proxies: ProxyEnvironment,
    in_pod: bool,
}

impl Environment {
    fn read() -> Self {
        let first = |names: [&str; 2]| {
            names
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .unwrap_or_default()
        };
        let list = std::env::var_os("KUBECONFIG").unwrap_or_default();
        Self {
            kubeconfig_list: std::env::split_paths(&list)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            home: std::env::home_dir(),
            proxies: ProxyEnvironment {
                https: first(["HTTPS_PROXY", "https_proxy"]),
                http: first(["HTTP_PROXY", "http_proxy"]),
                bypass: first(["NO_PROXY", "no_proxy"]),
            },
            in_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }

    /// The files to read, and whether their absence is an error.
    fn kubeconfig_files(&self, options: &ConnectionOptions) -> (Vec<PathBuf>, bool) {
        if let Some(file) = &options.kubeconfig {
            return (vec![file.clone()], true);
        }
        if !self.kubeconfig_list.is_empty() {
            return (self.kubeconfig_list.clone(), false);
        }
        (
            self.home
                .iter()
                .map(|home| home.join(".kube").join("config"))
                .collect(),
            false,
        )
    }
}

impl Cluster {
    /// Reads the kubeconfig, fetches the credential (an exec plugin runs here, once) and prepares the connection.
    /// Nothing is sent to the cluster.
    pub async fn connect(options: &ConnectionOptions) -> Result<Self, Failure> {
        let environment = Environment::read();
        let mut selection = select(options, &environment).map_err(before_connection)?;
        let config = match &mut selection {
            Source::Kubeconfig(selection) => configure(selection, options.attendance)
                .await
                .map_err(before_connection)?,
            Source::Pod(config) => (**config).clone(),
        };
        Self::prepare(&selection, config, options, &environment)
    }

    fn prepare(
        source: &Source,
        mut config: Config,
        options: &ConnectionOptions,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let target = Arc::new(source.target(&config));
        let fault = |problem: String| source.bad_cluster(problem);
        let proxy = proxy::choose(
            &config.cluster_url,
            source.proxy_url(),
            &environment.proxies,
        )
        .map_err(|problem| before_connection(fault(problem)))?;
        config.headers.push(transport::user_agent());
        let client = transport::client(&config, proxy.as_ref())
            .map_err(|error| before_connection(source.bad_credential(error.as_ref())))?;
        Ok(Self {
            client,
            target,
            namespace: options
                .namespace
                .clone()
                .unwrap_or_else(|| config.default_namespace.clone()),
            proxy,
            limit: options
                .request_timeout
                .unwrap_or(transport::DEFAULT_RESPONSE_LIMIT),
            log: options.request_log.clone(),
            gate: Arc::default(),
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

    /// `-n`, else the context's namespace, else `default`.
    pub fn namespace(&self) -> &str {
        &self.namespace
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
    fn target(&self, config: &Config) -> Target {
        let server = config
            .cluster_url
            .to_string()
            .trim_end_matches('/')
            .to_owned();
        match self {
            Self::Kubeconfig(selection) => Target {
                context: selection.context.clone(),
                cluster: selection.cluster_name.clone(),
                user: selection.user_name.clone(),
                server,
            },
            Self::Pod(_) => Target {
                server,
                ..Target::default()
            },
        }
    }

    fn proxy_url(&self) -> Option<&str> {
        match self {
            Self::Kubeconfig(selection) => selection.cluster.proxy_url.as_deref(),
            Self::Pod(_) => None,
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

    fn bad_credential(&self, error: &(dyn Error + 'static)) -> KubeconfigFault {
        let name = match self {
            Self::Kubeconfig(selection) => selection.user_name.clone(),
            Self::Pod(_) => String::new(),
        };
        KubeconfigFault::BadFile {
            section: Section::User,
            name,
            problem: problem_of_credential(error),
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

fn before_connection(fault: KubeconfigFault) -> Failure {
    Failure {
        request: "read the kubeconfig".to_owned(),
        kind: FailureKind::Kubeconfig(fault),
        target: None,
    }
}

fn select(
    options: &ConnectionOptions,
    environment: &Environment,
) -> Result<Source, KubeconfigFault> {
    let (files, explicit) = environment.kubeconfig_files(options);
    let kubeconfig = kubeconfig::load(&files, explicit)?;
    match kubeconfig::select(&kubeconfig, options) {
        Ok(selection) => Ok(Source::Kubeconfig(Box::new(selection))),
        Err(KubeconfigFault::Missing { .. }) if environment.in_pod && !explicit => pod(options),
        Err(KubeconfigFault::Missing { .. }) if !files.iter().any(|file| file.exists()) => {
            Err(KubeconfigFault::Missing { searched: files })
        }
        Err(fault) => Err(fault),
    }
}

fn pod(options: &ConnectionOptions) -> Result<Source, KubeconfigFault> {
    let mut config = Config::incluster_env().map_err(|error| KubeconfigFault::BadFile {
        section: Section::User,
        name: "of this pod".to_owned(),
        problem: error.to_string(),
    })?;
    if let Some(token) = &options.token {
        (config.auth_info.token, config.auth_info.token_file) = (Some(token.clone()), None);
    }
    config
        .auth_info
        .impersonate
        .clone_from(&options.impersonate.user);
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
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| cluster_fault(selection, &error))?;
    config.proxy_url = None;
    credential_plugin::resolve(&mut config.auth_info, &selection.user_name, people).await?;
    read_token(&mut config.auth_info, &selection.user_name)?;
    Ok(config)
}

/// client-go takes `host:port` for `http://host:port`, and sends no credential over http.
fn normalise_server(selection: &mut Selection) -> Result<(), KubeconfigFault> {
    let given = selection.cluster.server.clone().unwrap_or_default();
    let url = if given.contains("://") {
        given.clone()
    } else {
        format!("http://{given}")
    };
    let uri = url
        .parse::<http::Uri>()
        .ok()
        .filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    match uri.as_ref().and_then(http::Uri::scheme_str) {
        Some("https") => {}
        Some("http") => {
            let user = std::mem::take(&mut selection.user);
            selection.user = AuthInfo {
                impersonate: user.impersonate,
                impersonate_uid: user.impersonate_uid,
                impersonate_groups: user.impersonate_groups,
                impersonate_user_extra: user.impersonate_user_extra,
                ..AuthInfo::default()
            };
        }
        _ => {
            return Err(KubeconfigFault::BadEntry {
                section: Section::Cluster,
                name: selection.cluster_name.clone(),
                problem: format!("its server \"{given}\" is not a URL like https://HOST:PORT"),
            });
        }
    }
    selection.cluster.server = Some(url);
    Ok(())
}

fn cluster_fault(selection: &Selection, error: &KubeconfigError) -> KubeconfigFault {
    KubeconfigFault::BadFile {
        section: Section::Cluster,
        name: selection.cluster_name.clone(),
        problem: problem_of(error),
    }
}

/// Reads the token file, which usually ends with a newline that does not belong to the token, and refuses a token
/// that no HTTP header can hold.
fn read_token(user: &mut AuthInfo, name: &str) -> Result<(), KubeconfigFault> {
    let fault = |problem: String| KubeconfigFault::BadFile {
        section: Section::User,
        name: name.to_owned(),
        problem,
    };
    let file = user.token_file.take().filter(|_| user.token.is_none());
    if let Some(file) = file {
        let token = std::fs::read_to_string(&file)
            .map_err(|error| fault(format!("its token file {file}: {error}")))?;
        user.token = Some(SecretString::from(token.trim().to_owned()));
    }
    let fits = |token: &SecretString| HeaderValue::from_str(token.expose_secret()).is_ok();
    if user.token.as_ref().is_none_or(fits) {
        return Ok(());
    }
    Err(fault(
        "its token has characters, such as line ends, that no token has".to_owned(),
    ))
}
