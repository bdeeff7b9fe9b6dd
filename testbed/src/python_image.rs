//! The image with Python: the interpreter, its library, and the shared libraries that they need.

use crate::debian::Release;
use crate::debian_image::{DebianImage, is_python_library};
use crate::image::PYTHON_IMAGE;

pub(crate) const PYTHON: DebianImage = DebianImage {
    name: "Python",
    reference: PYTHON_IMAGE,
    release: Release::Own,
    packages: &["python3-minimal", "libpython3-stdlib"],
    belongs,
    modules: &[],
    finish: |_| Ok(()),
    environment: &[],
    source: include_str!("python_image.rs"),
};

/// Parts of Python's library that no training imports.
const LEFT_OUT: [&str; 6] = [
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "test",
    "turtledemo",
];

/// Python, its library, and shared libraries.
pub(crate) fn belongs(path: &[&str]) -> bool {
    match path {
        ["usr", "bin", program] => program.starts_with("python3"),
        ["usr", "lib", python, module, ..] if is_python_library(python) => {
            !LEFT_OUT.contains(module)
        }
        ["lib64", _] | ["usr", "lib64", _] => true,
        ["lib", triplet, library] | ["usr", "lib", triplet, library] => {
            triplet.contains("-linux-") && library.contains(".so")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian_image::tests::assert_holds;

    #[test]
    fn only_python_and_shared_libraries_belong_into_the_image() {
        let belonging = [
            "usr/bin/python3.11",
            "usr/lib/python3.11/json/decoder.py",
            "usr/lib/python3.13/__pycache__/os.cpython-313.pyc",
            "lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/aarch64-linux-gnu/libssl.so.3",
            "lib64/ld-linux-x86-64.so.2",
            "lib",
        ];
        let foreign = [
            "usr/bin/dpkg",
            "usr/lib/python3.11/test/support/__init__.py",
            "usr/lib/x86_64-linux-gnu/gconv/UTF-16.so",
            "usr/share/doc/python3.11/copyright",
            "etc/debconf.conf",
        ];
        assert_holds(&PYTHON, &belonging, &foreign);
    }
}
