//! What every command may need beside its own arguments: the way to the cluster, the time, its own name.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    cli::{Cli, RequestsShown},
    cluster::{
        Attendance, Cluster, ConnectionOptions, Failure, RequestLog, RequestObserver, RequestRecord,
    },
    render::{self, Look},
    style::Style,
    ui::{self, Ui},
};

/// The surroundings of one run.
pub struct CommandContext {
    options: ConnectionOptions,
    display_name: String,
    requests: RequestsShown,
}

impl CommandContext {
    pub fn new(cli: &Cli, display_name: String, ui: &Ui) -> Self {
        let printer = Arc::new(RequestPrinter {
            style: ui.status_style(),
        });
        let requests = cli.output.requests();
        let request_log = match requests {
            RequestsShown::None => RequestLog::default(),
            RequestsShown::Lines => RequestLog::lines(printer),
            RequestsShown::Bodies => RequestLog::bodies(printer),
        };
        let attendance = if ui::is_attended() {
            Attendance::Interactive
        } else {
            Attendance::Unattended
        };
        let options = ConnectionOptions {
            attendance,
            request_log,
            ..cli.connection.options()
        };
        Self {
            options,
            display_name,
            requests,
        }
    }

    /// The cluster that flags and kubeconfig name. Nothing is sent to it yet.
    pub async fn connect(&self) -> Result<Cluster, Failure> {
        Cluster::connect(&self.options).await
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

/// Shows requests on standard error while they happen.
struct RequestPrinter {
    style: Style,
}

impl RequestObserver for RequestPrinter {
    fn on_request(&self, record: &RequestRecord) {
        ui::write_status_line(&render::request::render_request(record, self.style));
    }
}
