//! The address that a file for somebody else gets: that of the caller's own connection, unless told otherwise, and a
//! warning where others cannot reach it.

use crate::{
    access::reach::judge_server,
    cluster::{CertificateCheck, Cluster, ProxyLogin, ServerEntry},
    error::{CommandError, ErrorKind},
    ui::Ui,
};

#[derive(clap::Args, Debug, Default)]
pub(super) struct AddressArgs {
    /// Address to write, where the one that you use yourself is not reached by others; the authority stays
    #[arg(long, value_name = "URL", value_parser = parse_address)]
    advertise_server: Option<String>,
}

fn parse_address(text: &str) -> Result<String, String> {
    let uri = text.parse::<http::Uri>().ok();
    let sound = uri.is_some_and(|uri| {
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty())
    });
    if sound && !text.contains('@') {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err("expected a URL such as https://HOST:6443".to_owned())
}

/// The way to the server for the file.
pub(super) fn said_entry(
    ui: &mut Ui,
    cluster: &Cluster,
    args: &AddressArgs,
) -> Result<ServerEntry, CommandError> {
    let mut entry = cluster.server_entry().clone();
    if entry.check == CertificateCheck::Off {
        return Err(unchecked(&entry.server));
    }
    if let Some(server) = &args.advertise_server {
        server.clone_into(&mut entry.server);
    }
    if !entry.server.starts_with("https://") {
        return Err(unchecked(&entry.server));
    }
    if let Some(warning) = judge_server(&entry.server).warning(&entry.server) {
        ui.warning(&warning);
        ui.hint(
            "for others, reach it at another address and write that: --server URL; where you cannot reach it yourself: --advertise-server URL",
        );
    }
    if entry.proxy_login == ProxyLogin::LeftOut {
        ui.warning(
            "your proxy wants a login, which is yours and is left out: whoever gets the file has to add their own",
        );
    }
    Ok(entry)
}

/// A token sent there would be anybody's.
fn unchecked(server: &str) -> CommandError {
    CommandError::new(
        ErrorKind::Refused,
        format!("the connection to {server} does not check the server's certificate, and the file would send its token to whoever answers"),
    )
    .with_hint("name the server with https, and its authority: --certificate-authority FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_https_address_is_written() {
        assert_eq!(
            parse_address("https://a:6443/").as_deref(),
            Ok("https://a:6443")
        );
        for text in ["a:6443", "http://a", "https://", "https://ann:sesame@a", ""] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }
}
