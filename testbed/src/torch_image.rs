//! The image with PyTorch: Debian's build for processors, with torchrun and gloo, and tqdm for bars. Trixie's works;
//! bookworm's torchrun does not start.

use std::fs;
use std::path::Path;

use crate::debian::Release;
use crate::debian_image::{DebianImage, entries, make_link};
use crate::error::Error;
use crate::image::TORCH_IMAGE;
use crate::python_image;

pub(crate) const TORCH: DebianImage = DebianImage {
    name: "PyTorch",
    reference: TORCH_IMAGE,
    release: Release::Named("trixie"),
    packages: &["python3-torch", "python3-tqdm"],
    belongs,
    modules: &["/usr/lib/python3/dist-packages"],
    finish,
    // Debian builds PyTorch without libuv, which it would use unless told otherwise.
    environment: &["USE_LIBUV=0"],
    source: include_str!("torch_image.rs"),
};

/// Libraries of graphics cards, which only programs that no training runs ask for: a fifth of all bytes.
const LEFT_OUT: [&str; 3] = ["libLLVM", "libamd", "libhsa"];
/// Libraries of which a machine chooses one of several: the folder of the one that is here, and the name.
const CHOSEN: [(&str, &str); 2] = [("blas", "libblas.so.3"), ("lapack", "liblapack.so.3")];

/// Where torchrun opens its stores without a look at `USE_LIBUV`: the file, and the end of the call.
const STORES: [(&str, &str); 2] = [
    (
        "elastic/rendezvous/static_tcp_rendezvous.py",
        "                multi_tenant=True,\n            )",
    ),
    (
        "rendezvous.py",
        "            is_master=False,\n            timeout=timeout,\n        )",
    ),
];
const WITHOUT_LIBUV: &str = "use_libuv=False)";

fn belongs(path: &[&str]) -> bool {
    match path {
        ["usr", "bin", "torchrun"] | ["usr", "lib", "python3", "dist-packages", ..] => true,
        ["usr", "lib", triplet, .., library] if triplet.contains("-linux-") => {
            library.contains(".so") && !LEFT_OUT.iter().any(|start| library.starts_with(start))
        }
        // That of gloo lies beside the folder of all others.
        ["usr", "lib", library] => library.contains(".so"),
        path => python_image::belongs(path),
    }
}

fn finish(root: &Path) -> Result<(), Error> {
    for triplet in entries(&root.join("usr/lib"))? {
        for (folder, library) in CHOSEN {
            if triplet.join(folder).join(library).exists() {
                make_link(&triplet.join(library), &format!("{folder}/{library}"))?;
            }
        }
    }
    let distributed = root.join("usr/lib/python3/dist-packages/torch/distributed");
    STORES
        .into_iter()
        .try_for_each(|(file, call)| open_without_libuv(&distributed.join(file), call))
}

fn open_without_libuv(path: &Path, call: &str) -> Result<(), Error> {
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let changed = without_libuv(&text, call).ok_or_else(|| Error::Command {
        what: format!("telling {} to do without libuv", path.display()),
        output:
            "the call that opens a store is written in another way; see testbed/src/torch_image.rs"
                .to_owned(),
    })?;
    fs::write(path, changed).map_err(Error::file("write", path))
}

/// None where there is not exactly one such call.
fn without_libuv(text: &str, call: &str) -> Option<String> {
    let (before, after) = text.split_once(call)?;
    let open = call.strip_suffix(')')?;
    (!after.contains(call)).then(|| format!("{before}{open}{WITHOUT_LIBUV}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian_image::tests::assert_holds;

    #[test]
    fn what_torchrun_needs_belongs_into_the_image_and_no_graphics_card() {
        let belonging = [
            "usr/bin/python3.13",
            "usr/bin/torchrun",
            "usr/lib/libgloo.so.0",
            "usr/lib/x86_64-linux-gnu/libtorch_cpu.so.2.6",
            "usr/lib/x86_64-linux-gnu/blas/libblas.so.3",
            "usr/lib/python3/dist-packages/tqdm/std.py",
            "usr/lib/python3.13/json/decoder.py",
            "lib",
        ];
        let foreign = [
            "usr/bin/dpkg",
            "usr/bin/torchfrtrace",
            "usr/lib/x86_64-linux-gnu/libLLVM-17.so.1",
            "usr/lib/libtorch-test/test_api",
            "usr/share/doc/python3-networkx/copyright",
        ];
        assert_holds(&TORCH, &belonging, &foreign);
    }

    #[test]
    fn only_a_call_that_is_there_once_is_changed() {
        let call = "timeout=timeout,\n)";
        let text = "store = TCPStore(\ntimeout=timeout,\n)\n";
        assert_eq!(
            without_libuv(text, call).unwrap(),
            "store = TCPStore(\ntimeout=timeout,\nuse_libuv=False)\n"
        );
        assert_eq!(without_libuv(&text.repeat(2), call), None);
        assert_eq!(without_libuv("store = TCPStore()\n", call), None);
    }
}
