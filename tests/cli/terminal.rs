//! What only a terminal shows: colours, a table that fits, and no foreign control sequences.

use snapbox::{assert_data_eq, str};

use crate::{plugin::plugin, pty::on_terminal};

#[test]
fn a_terminal_gets_colours_unless_no_color_is_set_or_it_is_dumb() {
    assert!(on_terminal(&["explain"], &[]).contains('\u{1b}'));
    assert!(!on_terminal(&["explain"], &[("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(!on_terminal(&["explain"], &[("TERM", "dumb")]).contains('\u{1b}'));
}

#[test]
fn foreign_control_sequences_are_shown_and_not_obeyed() {
    let shown = on_terminal(&["explain", "\u{1b}[2J\u{7}x"], &[("NO_COLOR", "1")]);
    assert!(
        shown.starts_with("error: there is no check or reason \"^[[2J^Gx\""),
        "{shown:?}"
    );
}

#[test]
fn elsewhere_than_on_a_terminal_the_bytes_stay() {
    let output = plugin()
        .args(["explain", "\u{1b}[2J\u{7}x"])
        .assert()
        .code(5)
        .get_output()
        .clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("error: there is no check or reason \"\u{1b}[2J\u{7}x\""),
        "{said:?}"
    );
}

#[test]
fn a_check_that_is_nearly_named_is_offered() {
    plugin()
        .args(["explain", "trn-webhook"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there is no check or reason "trn-webhook"
hint: did you mean TRN-WEBHOOKS? all checks: kubectl trainer explain

"#]]);
}

#[test]
fn a_long_error_goes_on_below_its_beginning() {
    let wanted = ["x".repeat(20), "y".repeat(20), "z".repeat(20)].join(" ");
    let shown = on_terminal(&["explain", &wanted], &[("NO_COLOR", "1")]);
    assert_data_eq!(
        shown.replace('\r', ""),
        str![[r#"
error: there is no check or reason "xxxxxxxxxxxxxxxxxxxx yyyyyyyyyyyyyyyyyyyy
       zzzzzzzzzzzzzzzzzzzz"
hint: all checks: kubectl trainer explain

"#]]
    );
}
