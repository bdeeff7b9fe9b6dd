//! How many connections a proxy may hold: as many as the machine allows, because tests follow a thousand logs at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's limit of open files to the highest that it may set itself.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where it is refused the proxy works as well, with fewer connections.
    let _ = setrlimit(Resource::Nofile, raised);
}
