//! The command lines with which the documents put a token into secret managers, run by a shell as they stand there. The
//! managers themselves are elsewhere; what each of their programs gets is what is looked at.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Output};

use testbed::Testbed;

use crate::team::{Team, claims};

/// The programs of the four managers.
const PROGRAMS: [&str; 4] = ["vault", "aws", "gcloud", "az"];

/// The lines of the document that hand a token on.
fn lines() -> Vec<&'static str> {
    let document = include_str!("../../docs/access.md");
    let lines = document.lines();
    lines
        .filter(|line| line.contains(" access token ") && line.contains('|'))
        .collect()
}

/// A program that comes before the real one of that name.
fn make_program(team: &Team, name: &str, script: &str) {
    let path = team.file("programs").join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The programs of the managers, which keep what they get, and one that must not run: it would get the token as an
/// argument.
fn make_programs(team: &Team) {
    fs::create_dir(team.file("programs")).unwrap();
    for program in PROGRAMS {
        make_program(
            team,
            program,
            "printf '%s\\n' \"$@\" > arguments\ncat > value",
        );
    }
    make_program(team, "printf", ": > printf-is-a-program");
}

/// What the line does when it is typed in the team's namespace.
fn typed(team: &Team, line: &str) -> Output {
    let line = line.replace("team-a", team.namespace.name());
    team.shell(&format!("PATH=\"$PWD/programs:$PATH\"; {line}"))
}

#[test]
fn every_secret_manager_gets_the_token_and_no_program_gets_it_as_an_argument() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "managers");
    let lines = lines();
    assert_eq!(lines.len(), PROGRAMS.len(), "{lines:#?}");
    make_programs(&team);
    for (program, line) in PROGRAMS.iter().zip(lines) {
        assert!(line.contains(&format!("| {program} ")), "{line}");
        let output = typed(&team, line);
        assert!(output.status.success(), "{line}: {output:?}");
        assert_eq!(output.stdout.len(), 0, "{line}");
        let read = |name: &str| fs::read_to_string(team.file(name)).unwrap();
        let (value, arguments) = (read("value"), read("arguments"));
        assert_eq!(value, value.trim(), "{line}");
        assert_eq!(claims(&value)["sub"], team.user(), "{line}");
        assert!(!arguments.contains(&value), "{line}");
        assert!(!team.file("printf-is-a-program").exists(), "{line}");
        let is_read = ["=-", "/dev/stdin"]
            .iter()
            .any(|end| arguments.lines().any(|argument| argument.ends_with(end)));
        assert!(is_read, "{line}: it does not read its standard input");
        fs::remove_file(team.file("value")).unwrap();
        fs::remove_file(team.file("arguments")).unwrap();
    }
}

/// An empty value would take the place of the token that is there.
#[test]
fn no_secret_manager_is_called_where_no_token_was_made() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(bed, "managers-kept");
    make_programs(&team);
    for line in lines() {
        let wrong = line.replace(" token ci ", " token no-such-account ");
        assert_ne!(wrong, line);
        let output = typed(&team, &wrong);
        assert_eq!(output.status.code(), Some(5), "{wrong}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("no-such-account"), "{wrong}: {said}");
        for kept in ["arguments", "value"] {
            assert!(!team.file(kept).exists(), "{wrong}: the manager was called");
        }
    }
}
