//! TAB: does kubectl complete this plugin's words on this machine? Nothing of it is the cluster's.

use crate::{
    check::{Category, Check, Finding, Outcome, Reader, Reason, Retry, Severity},
    plugin::{CompletionFile, Names, Surroundings, Survey, survey},
};

use super::{TAB as TAB_ID, TrainerContext};

pub(crate) const TAB: Check<TrainerContext> = Check {
    id: TAB_ID,
    category: Category::Plugin,
    title: "TAB completes this plugin's words",
    hint: "see what kubectl finds: kubectl trainer completion status",
    page: "kubectl completes a plugin's words by asking a second program, kubectl_complete-trainer, which has to be on the PATH. It is a link to the plugin, or a script that an archive brings; krew makes one link a plugin only, so that it is made once by hand.\n\n\
           It is looked at where somebody types at a terminal and kubectl finds the plugin on the PATH. It says nothing of the cluster.",
    reasons: &[
        &NO_COMPLETION,
        &COMPLETION_BROKEN,
        &COMPLETION_OF_OTHER_COPY,
    ],
    severity: Severity::Warning,
    requires: &[],
    retry: Retry::Never,
    run: |_| Box::pin(async { judge_completion(&look_along_the_path()) }),
};

const NO_COMPLETION: Reason = Reason {
    code: "NoCompletion",
    meaning: "kubectl finds no program to ask for this plugin's words, so TAB offers names of files instead.",
    mend: "Make it with kubectl trainer completion install.",
};
const COMPLETION_BROKEN: Reason = Reason {
    code: "CompletionBroken",
    meaning: "The program that kubectl would ask is there and cannot be started, such as a link whose plugin was removed.",
    mend: "Make it anew with kubectl trainer completion install, or remove it with kubectl trainer completion uninstall.",
};
const COMPLETION_OF_OTHER_COPY: Reason = Reason {
    code: "CompletionOfOtherCopy",
    meaning: "The program that kubectl asks belongs to another copy of the plugin than the one that kubectl runs. Of another version it offers what the plugin does not take.",
    mend: "Remove the copy that is not needed, or make the link anew with kubectl trainer completion install.",
};

fn look_along_the_path() -> Survey {
    survey(&Names::own(), &Surroundings::read())
}

fn judge_completion(survey: &Survey) -> Outcome {
    let names = &survey.names;
    let install = |reason, detail: String| {
        let plugin = names.words().join(" ");
        let mend = format!("kubectl {plugin} completion install");
        Outcome::of(Finding {
            advice_for: Reader::Anybody,
            ..Finding::warning(reason, detail).mended_by(mend)
        })
    };
    match &survey.completion {
        CompletionFile::Works(path) | CompletionFile::Own(path) => {
            Outcome::passed(path.display().to_string())
        }
        CompletionFile::Absent => install(
            &NO_COMPLETION,
            format!("there is no {} on the PATH", names.completion),
        ),
        CompletionFile::Broken(path) => install(
            &COMPLETION_BROKEN,
            format!("{} cannot be started", path.display()),
        ),
        CompletionFile::OtherCopy { path, target } => install(
            &COMPLETION_OF_OTHER_COPY,
            format!("{} leads to {}", path.display(), target.display()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn codes(completion: CompletionFile) -> Vec<&'static str> {
        let survey = Survey {
            names: Names::of_program(None),
            kubectl: None,
            plugin: None,
            completion,
        };
        let outcome = judge_completion(&survey);
        outcome
            .findings
            .iter()
            .map(|finding| finding.reason.code)
            .collect()
    }

    #[test]
    fn each_way_in_which_tab_does_not_work_has_its_reason() {
        let path = PathBuf::from("/x/kubectl_complete-trainer");
        let other = CompletionFile::OtherCopy {
            path: path.clone(),
            target: "/y/kubectl-trainer".into(),
        };
        assert_eq!(codes(CompletionFile::Absent), ["NoCompletion"]);
        assert_eq!(
            codes(CompletionFile::Broken(path.clone())),
            ["CompletionBroken"]
        );
        assert_eq!(codes(other), ["CompletionOfOtherCopy"]);
        assert_eq!(codes(CompletionFile::Works(path)), [] as [&str; 0]);
    }
}
