use std::{
    io::{IsTerminal as _, stderr},
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, ProgressStyle};
use phala_genesis_lib::snapshot::{Progress, Step};
use tracing::info;

/// Shows how far a snapshot is: a bar on a terminal, a line at the beginning of each step elsewhere.
pub(crate) fn progress() -> Progress {
    let current: Mutex<Option<(Step, Option<ProgressBar>)>> = Mutex::new(None);
    let is_terminal = stderr().is_terminal();
    Progress::new(move |step, done, total| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_none_or(|(shown, _)| *shown != step) {
            if let Some((_, Some(bar))) = current.take() {
                bar.finish_and_clear();
            }
            if !is_terminal {
                info!(step = text(step), "snapshot");
            }
            *current = Some((step, is_terminal.then(|| new_bar(step, total))));
        }
        let Some((_, Some(bar))) = &*current else { return };
        bar.set_position(done);
        if total == Some(done) {
            bar.finish_and_clear();
        }
    })
}

fn new_bar(step: Step, total: Option<u64>) -> ProgressBar {
    let unit = match step {
        Step::Read => "{bytes}/{total_bytes} {bytes_per_sec}",
        Step::Walk | Step::Merge | Step::Root => "{human_pos}/{human_len} pairs {per_sec}",
    };
    let template = format!("{{msg:>14}} [{{bar:30}}] {unit} {{eta}}");
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.set_style(style);
    bar.set_message(text(step));
    bar
}

fn text(step: Step) -> &'static str {
    match step {
        Step::Read => "reading",
        Step::Walk => "walking",
        Step::Merge => "sorting",
        Step::Root => "hashing",
    }
}
