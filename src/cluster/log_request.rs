//! What one log request asks for, and its path: written by hand, because kube rounds `sinceTime`, and up at that.

use std::sync::Arc;

use super::requests::Attempt;

/// The log of one container. Stamps are always asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStreamRequest {
    pub namespace: Arc<str>,
    pub pod: Arc<str>,
    pub container: Arc<str>,
    pub range: LogRange,
    pub follow: Follow,
    pub attempt: Attempt,
}

/// Where a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRange {
    /// With the first line of the file that the kubelet has.
    Whole,
    /// With the lines stamped at this time or later, in seconds since 1970.
    Since(i64),
    /// With the last lines, so many.
    Tail(u32),
    /// With those of the last lines that are stamped at this time or later.
    TailSince(u32, i64),
    /// With the first line of the file, and ends after so many bytes.
    Beginning(u32),
}

/// Whether reading goes on when everything that is there was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    Yes,
    No,
}

impl LogStreamRequest {
    /// Fit for "cannot ...".
    pub(super) fn words(&self) -> String {
        format!(
            "read the log of container {} of pod {}/{}",
            self.container, self.namespace, self.pod
        )
    }

    /// Path and query.
    pub(super) fn path(&self) -> String {
        let mut path = format!(
            "/api/v1/namespaces/{}/pods/{}/log?container={}&timestamps=true",
            self.namespace, self.pod, self.container
        );
        if self.follow == Follow::Yes {
            path.push_str("&follow=true");
        }
        if self.attempt == Attempt::Previous {
            path.push_str("&previous=true");
        }
        match self.range {
            LogRange::Whole => {}
            LogRange::Since(seconds) => path.push_str(&format!("&sinceTime={}", rfc3339(seconds))),
            LogRange::Tail(lines) => path.push_str(&format!("&tailLines={lines}")),
            LogRange::TailSince(lines, seconds) => {
                let since = rfc3339(seconds);
                path.push_str(&format!("&sinceTime={since}&tailLines={lines}"));
            }
            LogRange::Beginning(bytes) => path.push_str(&format!("&limitBytes={bytes}")),
        }
        path
    }

    /// The same log's last line alone.
    pub(super) fn of_last_line(&self) -> Self {
        Self {
            range: LogRange::Tail(1),
            follow: Follow::No,
            ..self.clone()
        }
    }
}

/// The time in UTC, in whole seconds; a time that no calendar has is the nearest that one has.
fn rfc3339(seconds: i64) -> String {
    let nearest = || match seconds {
        ..0 => jiff::Timestamp::MIN,
        _ => jiff::Timestamp::MAX,
    };
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_else(|_| nearest());
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(range: LogRange) -> LogStreamRequest {
        LogStreamRequest {
            namespace: "a".into(),
            pod: "job-node-0-0-x".into(),
            container: "node".into(),
            range,
            follow: Follow::Yes,
            attempt: Attempt::Current,
        }
    }

    #[test]
    fn a_path_says_where_the_log_begins_in_whole_seconds() {
        let base = "/api/v1/namespaces/a/pods/job-node-0-0-x/log?container=node&timestamps=true&follow=true";
        assert_eq!(request(LogRange::Whole).path(), base);
        assert_eq!(
            request(LogRange::Since(1_795_271_957)).path(),
            format!("{base}&sinceTime=2026-11-21T14:39:17Z")
        );
        assert_eq!(
            request(LogRange::Tail(0)).path(),
            format!("{base}&tailLines=0")
        );
        assert_eq!(
            request(LogRange::TailSince(3, 1_795_271_957)).path(),
            format!("{base}&sinceTime=2026-11-21T14:39:17Z&tailLines=3")
        );
    }

    #[test]
    fn a_log_may_be_asked_for_up_to_a_length() {
        assert!(
            request(LogRange::Beginning(65_536))
                .path()
                .ends_with("&follow=true&limitBytes=65536")
        );
    }

    #[test]
    fn the_last_line_is_asked_for_alone_and_of_the_same_attempt() {
        let mut whole = request(LogRange::Since(1));
        whole.attempt = Attempt::Previous;
        assert_eq!(
            whole.of_last_line().path(),
            "/api/v1/namespaces/a/pods/job-node-0-0-x/log?container=node&timestamps=true&previous=true&tailLines=1"
        );
    }

    #[test]
    fn a_time_outside_the_calendar_is_the_nearest_inside() {
        assert_eq!(rfc3339(i64::MAX), "9999-12-30T22:00:00Z");
        assert!(rfc3339(i64::MIN).starts_with('-'));
    }
}
