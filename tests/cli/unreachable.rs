//! What is said when no API server answers: one sentence that names the cause, and what mends it.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};

use snapbox::{cmd::Command, str};

use crate::plugin::plugin;

/// `runtimes list` against this server, without a kubeconfig.
fn list_from(server: &str) -> Command {
    plugin().args(["runtimes", "list", "--server", server])
}

/// A service on a free port that handles each connection so; it ends with the test's process.
fn serve(handle: impl Fn(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(handle));
    address
}

#[test]
fn without_any_kubeconfig_the_places_are_named() {
    plugin()
        .args(["runtimes", "list"])
        .assert()
        .code(3)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: no cluster is configured: there is no kubeconfig at /nonexistent/.kube/config
hint: name the file with --kubeconfig FILE, or with: export KUBECONFIG=FILE

"#]]);
}

#[test]
fn a_kubeconfig_that_does_not_parse_is_shown_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("broken.yaml"),
        "clusters:\n- name: a\n  cluster: {server: [}\n",
    )
    .unwrap();
    plugin()
        .current_dir(folder.path())
        .args(["runtimes", "list", "--kubeconfig", "broken.yaml"])
        .assert()
        .code(3)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: the kubeconfig broken.yaml cannot be parsed: expected string scalar at line 3, column 21
hint: correct the file, then check it with: kubectl --kubeconfig broken.yaml config view

"#]]);
}

#[test]
fn a_port_on_which_nobody_listens_is_named() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    list_from(&format!("https://{free}")).assert().code(3).stdout_eq(str![]).stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: nothing listens at https://127.0.0.1:[..] (connection refused)
hint: is the cluster running, and is this its address? another context: kubectl config use-context NAME; another address: kubectl config set-cluster NAME --server=https://HOST:PORT

"#]]);
}

#[test]
fn a_name_without_an_address_is_named() {
    list_from("https://no-such-host.invalid:6443").assert().code(3).stdout_eq(str![]).stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: the host name in https://no-such-host.invalid:6443 has no address
caused by: failed to lookup address information: Name or service not known
hint: check the name, your DNS and VPN; the address is set by: kubectl config set-cluster NAME --server=https://HOST:PORT

"#]]);
}

#[test]
fn a_web_page_is_not_an_api_server() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 24\r\nConnection: close\r\n\r\n<html>Please log in</ht>";
    let address = serve(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(page.as_bytes());
    });
    list_from(&format!("http://{address}")).assert().code(3).stdout_eq(str![]).stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: http://127.0.0.1:[..] is not a Kubernetes API server; it answered: <html>Please log in</ht>
hint: a login page or another service has this address; set the API server's: kubectl config set-cluster NAME --server=https://HOST:PORT

"#]]);
}

#[test]
fn a_server_without_tls_is_named() {
    let address = serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    });
    list_from(&format!("https://{address}")).assert().code(3).stdout_eq(str![]).stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: https://127.0.0.1:[..] does not speak TLS, yet its URL begins with https://
hint: is this the API server's port? if so, correct the URL: kubectl config set-cluster NAME --server=http://127.0.0.1:[..]

"#]]);
}

#[test]
fn silence_ends_at_the_limit() {
    // The connections are kept open and never answered.
    let address = serve(std::mem::forget);
    list_from(&format!("https://{address}"))
        .args(["--request-timeout", "200ms"])
        .assert()
        .code(124)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: https://127.0.0.1:[..] gave no answer within 0.2 s
hint: is the server slow? kubectl --server https://127.0.0.1:[..] get --raw /readyz; a longer wait: --request-timeout=2m

"#]]);
}

#[test]
fn a_proxy_that_does_not_answer_is_named_with_its_origin() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    list_from("https://cluster.example:6443")
        .env("HTTPS_PROXY", format!("http://user:secret@{free}"))
        .assert()
        .code(3)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: the proxy http://127.0.0.1:[..] (from the environment) gives no way to https://cluster.example:6443: Connection refused (os error 111)
hint: go around the proxy with: export NO_PROXY=cluster.example

"#]]);
}

/// TLS with a certificate that nobody trusts.
fn self_signed() -> Arc<rustls::ServerConfig> {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let certificates = vec![signed.cert.der().clone()];
    let config = builder.with_no_client_auth();
    Arc::new(config.with_single_cert(certificates, key.into()).unwrap())
}

#[test]
fn the_certificate_of_a_proxy_is_not_taken_for_the_servers() {
    let tls = self_signed();
    let proxy = serve(move |mut stream| {
        let mut connection = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
        // The client breaks it off.
        let _ = connection.complete_io(&mut stream);
    });
    list_from("https://cluster.example:6443")
        .env("HTTPS_PROXY", format!("https://{proxy}"))
        .assert()
        .code(3)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: the proxy https://127.0.0.1:[..] (from the environment) gives no way to https://cluster.example:6443: the certificate of https://127.0.0.1:[..] is signed by an authority that is not trusted here
hint: go around the proxy with: export NO_PROXY=cluster.example

"#]]);
}

#[test]
fn a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for() {
    let address = serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nConnection: close";
        let _ = write!(
            stream,
            "{head}\r\nContent-Length: 17\r\n\r\nToo many requests"
        );
    });
    list_from(&format!("http://{address}"))
        .assert()
        .code(1)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: cannot list clustertrainingruntimes.trainer.kubeflow.org: http://127.0.0.1:[..] answered HTTP 429: Too many requests (it asks to come back after 120 s)
hint: the server is busy, or limits how often you may ask: wait, then try again

"#]]);
}

/// `runtimes list` with these flags, and its end, which is that of a wrong usage.
fn refuse(flags: &[&str]) -> snapbox::cmd::OutputAssert {
    let list = list_from("https://127.0.0.1:1").args(flags);
    list.assert().code(2).stdout_eq(str![])
}

#[test]
fn a_token_that_no_header_can_hold_is_refused_and_not_shown() {
    refuse(&["--token", "one\ntwo"]).stderr_eq(str![[r#"
error: --token cannot be used: it has characters, such as line ends, that no token has
hint: give the token alone, on one line

"#]]);
}

#[test]
fn a_server_that_is_no_url_is_the_flags_mistake() {
    let list = plugin().args(["runtimes", "list", "-s", "not a url"]);
    list.assert().code(2).stdout_eq(str![]).stderr_eq(str![[r#"
error: --server cannot be used: "not a url" is not a URL
hint: write it as --server https://HOST:PORT

"#]]);
}

#[test]
fn a_name_that_no_certificate_has_is_the_flags_mistake() {
    refuse(&["--tls-server-name", "a b"]).stderr_eq(str![[r#"
error: --tls-server-name cannot be used: "a b" is neither a host name nor an address
hint: give a name that stands in the server's certificate, such as kubernetes.default

"#]]);
}

#[test]
fn files_that_flags_name_are_the_flags_mistake() {
    refuse(&["--certificate-authority", "/no/such/ca.crt"]).stderr_eq(str![[r#"
error: --certificate-authority cannot be used: /no/such/ca.crt cannot be read: No such file or directory (os error 2)
hint: look at it: ls -l /no/such/ca.crt

"#]]);
    refuse(&["--client-certificate", "/dev/null"]).stderr_eq(str![[r#"
error: --client-certificate cannot be used: /dev/null holds no PEM certificate
hint: look at it: ls -l /dev/null

"#]]);
    refuse(&["--client-key", "/dev/null"]).stderr_eq(str![[r#"
error: --client-key cannot be used: /dev/null holds no PEM key
hint: look at it: ls -l /dev/null

"#]]);
}

#[test]
fn a_flags_mistake_is_no_report_about_a_cluster() {
    plugin()
        .args([
            "verify",
            "-o",
            "json",
            "--server",
            "https://127.0.0.1:99999",
        ])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: --server cannot be used: "https://127.0.0.1:99999" is not a URL
hint: write it as --server https://HOST:PORT

"#]]);
}
