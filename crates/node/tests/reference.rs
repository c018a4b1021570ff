//! The page of settings in `docs/` is the one the program generates.

use std::{env, fs, path::Path};

use phala_node_lib::config::reference_page;

#[test]
fn settings_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let page = reference_page();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("in docs")).expect("folder");
        fs::write(&path, &page).expect("written");
    }
    let stored = fs::read_to_string(&path).expect("docs/settings.md is there");
    assert!(stored == page, "docs/settings.md is out of date: run this test with UPDATE_DOCS=1");
}
