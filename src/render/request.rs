//! A request on one line, for `-v`, and its bodies below, for `-vv`.

use crate::{
    cluster::RequestRecord,
    style::{Role, Style},
};

/// `GET /version 200 HTTP/2.0 in 3 ms`, without a line end.
pub fn render_request(record: &RequestRecord, style: Style) -> String {
    let outcome = match &record.outcome {
        Ok((code, protocol)) if *code < 400 => {
            format!("{} {protocol}", style.paint(Role::Good, &code.to_string()))
        }
        Ok((code, protocol)) => format!("{} {protocol}", style.paint(Role::Bad, &code.to_string())),
        Err(reason) => style.paint(Role::Bad, reason),
    };
    let line = format!(
        "{} {} {outcome} in {} ms",
        record.method,
        record.path,
        record.elapsed.as_millis()
    );
    let Some((sent, received)) = &record.bodies else {
        return line;
    };
    let body = |arrow: &str, text: &str| match text.trim_end() {
        "" => String::new(),
        text => format!("\n{} {text}", style.paint(Role::Muted, arrow)),
    };
    format!("{line}{}{}", body("sent", sent), body("received", received))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(outcome: Result<(u16, String), String>) -> RequestRecord {
        RequestRecord {
            method: "GET".to_owned(),
            path: "/version".to_owned(),
            outcome,
            elapsed: Duration::from_micros(3400),
            bodies: None,
        }
    }

    #[test]
    fn a_request_is_one_line() {
        let answered = record(Ok((200, "HTTP/2.0".to_owned())));
        assert_eq!(
            render_request(&answered, Style::Plain),
            "GET /version 200 HTTP/2.0 in 3 ms"
        );
        let lost = record(Err("no answer".to_owned()));
        assert_eq!(
            render_request(&lost, Style::Plain),
            "GET /version no answer in 3 ms"
        );
    }

    #[test]
    fn bodies_follow_on_lines_of_their_own() {
        let bodies = Some((String::new(), "{}\n".to_owned()));
        let record = RequestRecord {
            bodies,
            ..record(Ok((200, "HTTP/2.0".to_owned())))
        };
        assert_eq!(
            render_request(&record, Style::Plain),
            "GET /version 200 HTTP/2.0 in 3 ms\nreceived {}"
        );
    }
}
