//! Good and bad kubeconfigs, each given to the real kubectl and to the plugin: both must reach the same server as the
//! same user with the same namespace, or both must fail.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};
use testbed::Testbed;

use crate::{
    certificates::Validity,
    direct,
    workshop::{Call, Workshop, embedded, kubeconfig},
};

/// What a case must come to.
enum Expected {
    /// Both reach the server as this user, with this namespace.
    Same(&'static str, &'static str),
    /// Both fail, and the plugin's words contain these.
    Failure(&'static str),
}

use Expected::{Failure, Same};

/// A kubeconfig and what it must come to.
struct Case {
    name: &'static str,
    build: fn(&Workshop) -> Call,
    expected: Expected,
}

const ACCOUNT: &str = "system:serviceaccount:default:workshop";

const CASES: &[Case] = &[
    Case {
        name: "embedded data",
        build: |shop| shop.simple("a", &shop.cluster(), &shop.user("ann")),
        expected: Same("ann", "default"),
    },
    Case {
        name: "files beside the kubeconfig",
        build: files_beside,
        expected: Same("ann", "default"),
    },
    Case {
        name: "a list with a missing file",
        build: list_with_missing_file,
        expected: Same("ann", "default"),
    },
    Case {
        name: "the first file of a list wins",
        build: first_file_wins,
        expected: Same("ann", "first"),
    },
    Case {
        name: "one list entry a file",
        build: scattered,
        expected: Same("ann", "team-a"),
    },
    Case {
        name: "two documents in one file",
        build: two_documents,
        expected: Same("ann", "default"),
    },
    Case {
        name: "a token",
        build: |shop| shop.simple("a", &shop.cluster(), &json!({ "token": shop.token })),
        expected: Same(ACCOUNT, "default"),
    },
    Case {
        name: "a token file that ends with a newline",
        build: token_file,
        expected: Same(ACCOUNT, "default"),
    },
    Case {
        name: "a token file beside a token",
        build: token_file_beside_token,
        expected: Same(ACCOUNT, "default"),
    },
    Case {
        name: "a token file that is not there beside a token",
        build: |shop| {
            let user = json!({ "token": shop.token, "tokenFile": "missing" });
            shop.simple("a", &shop.cluster(), &user)
        },
        expected: Same(ACCOUNT, "default"),
    },
    Case {
        name: "flags whose values are empty",
        build: empty_flags,
        expected: Same("ann", "team-a"),
    },
    Case {
        name: "an authority and no check of the certificate",
        build: authority_unchecked,
        expected: Failure("it has an authority for the server's certificate"),
    },
    Case {
        name: "a plugin that gives a token",
        build: plugin_token,
        expected: Same(ACCOUNT, "default"),
    },
    Case {
        name: "a plugin that gives a certificate",
        build: plugin_certificate,
        expected: Same("ann", "default"),
    },
    Case {
        name: "a plugin that is not there",
        build: plugin_missing,
        expected: Failure(
            "the credential plugin of user \"someone\" of the kubeconfig cannot be started: `no-such-plugin`",
        ),
    },
    Case {
        name: "a plugin that fails",
        build: plugin_failing,
        expected: Failure("failed (exit status: 7)"),
    },
    Case {
        name: "a plugin without interactiveMode",
        build: plugin_without_mode,
        expected: Failure("its exec has no interactiveMode"),
    },
    Case {
        name: "a token beats a plugin",
        build: token_beats_plugin,
        expected: Same(ACCOUNT, "default"),
    },
    Case {
        name: "an expired client certificate",
        build: expired,
        expected: Failure("https://127.0.0.1:"),
    },
    Case {
        name: "an X.509 v1 client certificate",
        build: version_one,
        expected: Same("vera", "default"),
    },
    Case {
        name: "another authority",
        build: wrong_authority,
        expected: Failure("is signed by an authority that is not trusted here"),
    },
    Case {
        name: "no check of the certificate",
        build: insecure,
        expected: Same("ann", "default"),
    },
    Case {
        name: "a right server name",
        build: |shop| server_name(shop, "localhost"),
        expected: Same("ann", "default"),
    },
    Case {
        name: "a wrong server name",
        build: |shop| server_name(shop, "elsewhere.example"),
        expected: Failure("is not for \"elsewhere.example\", but for "),
    },
    Case {
        name: "a server without a scheme",
        build: no_scheme,
        expected: Failure(" speaks TLS, yet its URL begins with http://"),
    },
    Case {
        name: "a namespace",
        build: namespace,
        expected: Same("ann", "team-a"),
    },
    Case {
        name: "another user by impersonation",
        build: impersonation,
        expected: Same("eve", "default"),
    },
    Case {
        name: "impersonation of a group alone",
        build: group_alone,
        expected: Failure("without a user to act as (--as)"),
    },
    Case {
        name: "a user name and a password",
        build: basic,
        expected: Failure("does not accept the credential of user \"someone\""),
    },
    Case {
        name: "a token and a user name",
        build: two_methods,
        expected: Failure("it has a token and a user name"),
    },
    Case {
        name: "a certificate without a key",
        build: half_certificate,
        expected: Failure("it has a client certificate but no client key"),
    },
    Case {
        name: "a context that is not there",
        build: unknown_context,
        expected: Failure("there is no context \"only\" in the kubeconfig"),
    },
    Case {
        name: "an empty file",
        build: |shop| Call {
            kubeconfig: shop.write("a", ""),
            ..Call::default()
        },
        expected: Failure("no cluster is configured"),
    },
    Case {
        name: "a file that is no YAML",
        build: |shop| Call {
            kubeconfig: shop.write("a", "clusters: [\n"),
            ..Call::default()
        },
        expected: Failure("cannot be parsed: "),
    },
    Case {
        name: "a cluster without a server",
        build: |shop| shop.simple("a", &json!({}), &shop.user("ann")),
        expected: Failure("it has no server"),
    },
    Case {
        name: "a missing authority file",
        build: missing_authority,
        expected: Failure("its certificate-authority "),
    },
    Case {
        name: "a proxy that works",
        build: proxy_works,
        expected: Same("ann", "default"),
    },
    Case {
        name: "a proxy that is not there",
        build: proxy_missing,
        expected: Failure("the proxy http://127.0.0.1:"),
    },
    Case {
        name: "a proxy of the environment for loopback",
        build: proxy_for_loopback,
        expected: Same("ann", "default"),
    },
    Case {
        name: "flags over the kubeconfig",
        build: flags,
        expected: Same("ann", "by-flag"),
    },
];

#[test]
fn the_plugin_and_kubectl_make_the_same_of_every_kubeconfig() {
    let Some(bed) = Testbed::shared() else { return };
    let mut differences = Vec::new();
    for case in CASES {
        let shop = Workshop::new(&bed);
        let call = (case.build)(&shop);
        let (kubectl, plugin) = (shop.ask_kubectl(&call), shop.ask_plugin(&call));
        let right = match (&case.expected, &kubectl, &plugin) {
            (Same(user, namespace), Ok(one), Ok(other)) => {
                one == other && one.user == *user && one.namespace == *namespace
            }
            (Failure(words), Err(_), Err(said)) => said.contains(words),
            _ => false,
        };
        if !right {
            differences.push(format!(
                "{}:\n  kubectl: {kubectl:?}\n  plugin:  {plugin:?}",
                case.name
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} differ\n{}",
        differences.len(),
        CASES.len(),
        differences.join("\n")
    );
}

#[test]
fn a_credential_plugin_runs_once() {
    let Some(bed) = Testbed::shared() else { return };
    let shop = Workshop::new(&bed);
    let call = plugin_token(&shop);
    shop.ask_plugin(&call).unwrap();
    assert_eq!(fs::read_to_string(shop.path("runs")).unwrap(), "run\n");
}

fn files_beside(shop: &Workshop) -> Call {
    let identity = shop.authority.identity("ann", Validity::Now);
    shop.write("ca.crt", &shop.ca);
    shop.write("ann.crt", &identity.certificate);
    shop.write("ann.key", &identity.key);
    let cluster = json!({ "server": shop.server, "certificate-authority": "ca.crt" });
    shop.simple(
        "a",
        &cluster,
        &json!({ "client-certificate": "ann.crt", "client-key": "./ann.key" }),
    )
}

fn token_file_beside_token(shop: &Workshop) -> Call {
    shop.write("token", &shop.token);
    let user = json!({ "token": "of-nobody", "tokenFile": "token" });
    shop.simple("a", &shop.cluster(), &user)
}

fn empty_flags(shop: &Workshop) -> Call {
    let flags = [
        "--context=",
        "--cluster=",
        "--user=",
        "--server=",
        "--namespace=",
        "--kubeconfig=",
        "--certificate-authority=",
        "--client-certificate=",
        "--client-key=",
        "--token=",
        "--as=",
        "--as-uid=",
    ];
    Call {
        arguments: flags.map(str::to_owned).to_vec(),
        ..namespace(shop)
    }
}

fn authority_unchecked(shop: &Workshop) -> Call {
    let mut cluster = shop.cluster();
    cluster["insecure-skip-tls-verify"] = true.into();
    shop.simple("a", &cluster, &shop.user("ann"))
}

fn list_with_missing_file(shop: &Workshop) -> Call {
    let call = shop.simple("a", &shop.cluster(), &shop.user("ann"));
    let missing = shop.path("missing").to_string_lossy().into_owned();
    Call {
        kubeconfig: format!("{missing}:{}", call.kubeconfig),
        ..call
    }
}

fn first_file_wins(shop: &Workshop) -> Call {
    let context =
        |namespace: &str| json!({ "cluster": "bed", "user": "someone", "namespace": namespace });
    let first = kubeconfig(&shop.cluster(), &shop.user("ann"), &context("first"));
    let second = kubeconfig(
        &json!({ "server": "https://127.0.0.1:1" }),
        &shop.user("ben"),
        &context("second"),
    );
    let files = [
        shop.write("first", &first.to_string()),
        shop.write("second", &second.to_string()),
    ];
    Call {
        kubeconfig: files.join(":"),
        ..Call::default()
    }
}

fn scattered(shop: &Workshop) -> Call {
    let files = [
        json!({ "clusters": [{ "name": "bed", "cluster": shop.cluster() }] }),
        json!({ "users": [{ "name": "someone", "user": shop.user("ann") }] }),
        json!({ "current-context": "only", "contexts": [
            { "name": "only", "context": { "cluster": "bed", "user": "someone", "namespace": "team-a" } }
        ] }),
    ];
    let files = files
        .iter()
        .enumerate()
        .map(|(number, file)| shop.write(&number.to_string(), &file.to_string()));
    Call {
        kubeconfig: files.collect::<Vec<_>>().join(":"),
        ..Call::default()
    }
}

/// YAML with a comment and a document marker.
fn two_documents(shop: &Workshop) -> Call {
    let content = kubeconfig(
        &shop.cluster(),
        &shop.user("ann"),
        &json!({ "cluster": "bed", "user": "someone" }),
    );
    Call {
        kubeconfig: shop.write("a", &format!("# mine\n---\n{content}\n")),
        ..Call::default()
    }
}

fn token_file(shop: &Workshop) -> Call {
    shop.write("token", &format!("{}\n", shop.token));
    shop.simple("a", &shop.cluster(), &json!({ "tokenFile": "token" }))
}

/// A user whose credential comes from a program. The program's path is relative to the kubeconfig.
fn exec(command: &str) -> Value {
    json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command,
        "interactiveMode": "IfAvailable",
        "env": [{ "name": "FROM_KUBECONFIG", "value": "yes" }],
        "installHint": "get it from your administrator"
    } })
}

fn credential(status: &Value) -> Value {
    json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status })
}

fn plugin_token(shop: &Workshop) -> Call {
    let answer = credential(&json!({ "token": shop.token }));
    let body = format!("[ $FROM_KUBECONFIG = yes ] || exit 9\necho run >> runs\necho '{answer}'");
    shop.write_script("give-token", &body);
    shop.simple("a", &shop.cluster(), &exec("./give-token"))
}

fn plugin_certificate(shop: &Workshop) -> Call {
    let identity = shop.authority.identity("ann", Validity::Now);
    let status =
        json!({ "clientCertificateData": identity.certificate, "clientKeyData": identity.key });
    let answer = shop.write("answer.json", &credential(&status).to_string());
    shop.write_script("give-certificate", &format!("cat {answer}"));
    shop.simple("a", &shop.cluster(), &exec("./give-certificate"))
}

fn plugin_missing(shop: &Workshop) -> Call {
    shop.simple("a", &shop.cluster(), &exec("no-such-plugin"))
}

fn plugin_failing(shop: &Workshop) -> Call {
    shop.write_script("fail", "echo 'log in first' >&2\nexit 7");
    shop.simple("a", &shop.cluster(), &exec("./fail"))
}

fn plugin_without_mode(shop: &Workshop) -> Call {
    let mut user = exec("no-such-plugin");
    user["exec"]
        .as_object_mut()
        .unwrap()
        .remove("interactiveMode");
    shop.simple("a", &shop.cluster(), &user)
}

fn token_beats_plugin(shop: &Workshop) -> Call {
    let mut user = exec("no-such-plugin");
    user["token"] = shop.token.clone().into();
    shop.simple("a", &shop.cluster(), &user)
}

fn expired(shop: &Workshop) -> Call {
    shop.simple(
        "a",
        &shop.cluster(),
        &embedded(&shop.authority.identity("ann", Validity::LongAgo)),
    )
}

fn version_one(shop: &Workshop) -> Call {
    shop.simple(
        "a",
        &shop.cluster(),
        &embedded(&shop.authority.identity_v1("vera")),
    )
}

fn wrong_authority(shop: &Workshop) -> Call {
    let other = shop
        .authority
        .identity("not-an-authority", Validity::Now)
        .certificate;
    shop.write("other.crt", &other);
    let cluster = json!({ "server": shop.server, "certificate-authority": "other.crt" });
    shop.simple("a", &cluster, &shop.user("ann"))
}

fn insecure(shop: &Workshop) -> Call {
    let cluster = json!({ "server": shop.server, "insecure-skip-tls-verify": true });
    shop.simple("a", &cluster, &shop.user("ann"))
}

fn server_name(shop: &Workshop, name: &str) -> Call {
    let mut cluster = shop.cluster();
    cluster["tls-server-name"] = name.into();
    shop.simple("a", &cluster, &shop.user("ann"))
}

fn no_scheme(shop: &Workshop) -> Call {
    let mut cluster = shop.cluster();
    cluster["server"] = shop.server.trim_start_matches("https://").into();
    shop.simple("a", &cluster, &shop.user("ann"))
}

fn namespace(shop: &Workshop) -> Call {
    let context = json!({ "cluster": "bed", "user": "someone", "namespace": "team-a" });
    let file = kubeconfig(&shop.cluster(), &shop.user("ann"), &context);
    Call {
        kubeconfig: shop.write("a", &file.to_string()),
        ..Call::default()
    }
}

fn impersonation(shop: &Workshop) -> Call {
    let mut user = shop.user("ann");
    user["as"] = "eve".into();
    user["as-groups"] = json!(["system:masters"]);
    shop.simple("a", &shop.cluster(), &user)
}

fn group_alone(shop: &Workshop) -> Call {
    let mut user = shop.user("ann");
    user["as-groups"] = json!(["system:masters"]);
    shop.simple("a", &shop.cluster(), &user)
}

fn basic(shop: &Workshop) -> Call {
    shop.simple(
        "a",
        &shop.cluster(),
        &json!({ "username": "ann", "password": "secret" }),
    )
}

fn two_methods(shop: &Workshop) -> Call {
    shop.simple(
        "a",
        &shop.cluster(),
        &json!({ "token": shop.token, "username": "ann", "password": "secret" }),
    )
}

fn half_certificate(shop: &Workshop) -> Call {
    let mut user = shop.user("ann");
    user.as_object_mut().unwrap().remove("client-key-data");
    shop.simple("a", &shop.cluster(), &user)
}

fn unknown_context(shop: &Workshop) -> Call {
    let mut content = kubeconfig(
        &shop.cluster(),
        &shop.user("ann"),
        &json!({ "cluster": "bed", "user": "someone" }),
    );
    content["contexts"][0]["name"] = "other".into();
    Call {
        kubeconfig: shop.write("a", &content.to_string()),
        ..Call::default()
    }
}

fn missing_authority(shop: &Workshop) -> Call {
    let cluster = json!({ "server": shop.server, "certificate-authority": "missing.crt" });
    shop.simple("a", &cluster, &shop.user("ann"))
}

fn with_proxy(shop: &Workshop, proxy: &str) -> Call {
    let mut cluster = shop.cluster();
    cluster["proxy-url"] = proxy.into();
    shop.simple("a", &cluster, &shop.user("ann"))
}

fn proxy_works(shop: &Workshop) -> Call {
    with_proxy(shop, &format!("http://{}", start_proxy()))
}

fn proxy_missing(shop: &Workshop) -> Call {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    with_proxy(shop, &format!("http://{free}"))
}

fn proxy_for_loopback(shop: &Workshop) -> Call {
    let call = shop.simple("a", &shop.cluster(), &shop.user("ann"));
    Call {
        environment: vec![("HTTPS_PROXY", "http://127.0.0.1:1".to_owned())],
        ..call
    }
}

fn flags(shop: &Workshop) -> Call {
    let content = json!({
        "clusters": [
            { "name": "bed", "cluster": shop.cluster() },
            { "name": "untrusted", "cluster": { "server": shop.server } }
        ],
        "users": [{ "name": "someone", "user": shop.user("ann") }, { "name": "other", "user": shop.user("ben") }],
        "contexts": [{ "name": "half", "context": { "cluster": "untrusted", "user": "other", "namespace": "a" } }]
    });
    let words = [
        "--context",
        "half",
        "--cluster",
        "bed",
        "--user",
        "someone",
        "--namespace",
        "by-flag",
    ];
    Call {
        kubeconfig: shop.write("a", &content.to_string()),
        arguments: words.map(str::to_owned).to_vec(),
        ..Call::default()
    }
}

/// An HTTP proxy that knows CONNECT; gives its address. It ends with the test's process.
fn start_proxy() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || connect(client));
        }
    });
    address
}

fn connect(mut client: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let target = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next())
        .unwrap_or_default();
    let server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let there = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || direct::pass_on(there.0, there.1));
    direct::pass_on(server, client)
}
