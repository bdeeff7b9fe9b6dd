//! What every command may need beside its own arguments: the way to the cluster, the time, its own name.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;

use crate::{
    cli::{Cli, RequestsShown},
    cluster::{
        Attendance, Cluster, ConnectionOptions, Failure, RequestLog, RequestObserver, RequestRecord,
    },
    error::{CommandError, ErrorKind},
    render::{self, Look},
    style::Style,
    ui::{self, Ui},
};

/// The surroundings of one run.
pub struct CommandContext {
    options: ConnectionOptions,
    /// The contexts that were named; where there are several, `options` has the first.
    contexts: Vec<String>,
    display_name: String,
    requests: RequestsShown,
    status_style: Style,
}

impl CommandContext {
    pub fn new(cli: &Cli, display_name: String, ui: &Ui) -> Self {
        let attendance = if ui::is_attended() {
            Attendance::Interactive
        } else {
            Attendance::Unattended
        };
        let (requests, status_style) = (cli.output.requests(), ui.status_style());
        let options = ConnectionOptions {
            attendance,
            request_log: request_log(requests, status_style, String::new()),
            ..cli.connection.options()
        };
        Self {
            options,
            contexts: cli.connection.contexts(),
            display_name,
            requests,
            status_style,
        }
    }

    /// The cluster that flags and kubeconfig name. Nothing is sent to it yet.
    pub async fn connect(&self) -> Result<Cluster, Failure> {
        Cluster::connect(&self.options).await
    }

    /// The cluster of each context that was named, in that order; the one of [`Self::connect`] where none was.
    pub async fn connect_each(&self) -> Vec<Result<Cluster, Failure>> {
        let options = self.options_of_each();
        // Credential plugins that may ask somebody something do so one after the other.
        let at_once = match self.options.attendance {
            Attendance::Interactive => 1,
            Attendance::Unattended | Attendance::Unasked => options.len(),
        };
        let connections = options.into_iter().map(connect);
        stream::iter(connections).buffered(at_once).collect().await
    }

    fn options_of_each(&self) -> Vec<ConnectionOptions> {
        if self.contexts.len() < 2 {
            return vec![self.options.clone()];
        }
        let with_context = |name: &String| ConnectionOptions {
            context: Some(name.clone()),
            request_log: request_log(self.requests, self.status_style, format!("{name}: ")),
            ..self.options.clone()
        };
        self.contexts.iter().map(with_context).collect()
    }

    /// What the user calls the clusters of [`Self::connect_each`], where there are several; else empty.
    pub fn contexts(&self) -> &[String] {
        match self.contexts.as_slice() {
            [_] => &[],
            several => several,
        }
    }

    /// For commands that speak of one cluster.
    pub fn refuse_several_contexts(&self) -> Result<(), CommandError> {
        match self.contexts.as_slice() {
            [] | [_] => Ok(()),
            several => Err(CommandError::new(
                ErrorKind::Usage,
                format!(
                    "this command speaks of one cluster, but --context names {}: {}",
                    several.len(),
                    several.join(", ")
                ),
            )
            .with_hint("name one; verify, runtimes list and access kubeconfig take several")),
        }
    }

    /// The connection flags as given.
    pub fn options(&self) -> &ConnectionOptions {
        &self.options
    }

    /// What the user types to run this program: `kubectl trainer`.
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// Whether requests are shown, so that lines on the terminal must not be overwritten.
    pub fn requests_shown(&self) -> RequestsShown {
        self.requests
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// How an answer to standard output may look.
    pub fn look(&self, ui: &Ui) -> Look {
        Look {
            style: ui.style(),
            width: ui.width(),
            now: self.now(),
        }
    }
}

async fn connect(options: ConnectionOptions) -> Result<Cluster, Failure> {
    Cluster::connect(&options).await
}

/// Where requests are reported; `label` stands before each.
fn request_log(requests: RequestsShown, style: Style, label: String) -> RequestLog {
    let printer = Arc::new(RequestPrinter { style, label });
    match requests {
        RequestsShown::None => RequestLog::default(),
        RequestsShown::Lines => RequestLog::lines(printer),
        RequestsShown::Bodies => RequestLog::bodies(printer),
    }
}

/// Shows requests on standard error while they happen.
struct RequestPrinter {
    style: Style,
    label: String,
}

impl RequestObserver for RequestPrinter {
    fn on_request(&self, record: &RequestRecord) {
        let line = render::request::render_request(record, self.style);
        ui::write_status_line(&format!("{}{line}", self.label));
    }
}
