//! A chain that is exported and imported elsewhere is the same chain.

use std::fs;

use phala_tests::run_node;

use crate::db_commands::make_chain;

#[test]
fn an_imported_chain_has_the_same_digest() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let original = format!("--datadir={}", path("original"));
    let head = make_chain(&original, 3);
    let digest = |datadir: &str| run_node(["db", "digest", datadir]).success().stdout;
    let expected = digest(&original);

    let (plain, compressed) = (path("blocks.rlp"), path("blocks.rlp.gz"));
    run_node(["export", &plain, &original]).success();
    run_node(["export", &compressed, &original]).success();
    assert!(
        fs::metadata(&compressed).expect("there").len()
            < fs::metadata(&plain).expect("there").len()
    );

    for (name, file) in [("plain", &plain), ("compressed", &compressed)] {
        let copy = format!("--datadir={}", path(name));
        run_node(["import", file, &copy]).success();
        assert_eq!(digest(&copy), expected, "{name}");
        // A second time all blocks are there already.
        let again = run_node(["import", file, &copy]).success();
        assert!(again.stderr.contains("skipped blocks the chain has already"), "{}", again.stderr);
        assert_eq!(digest(&copy), expected, "{name}");
        run_node(["db", "verify", &copy]).success();
    }
    run_node(["export", "-", &original, &format!("--from={}", head + 1)])
        .failure(2, "the head is block");
}

#[test]
fn an_interrupted_import_continues_and_bad_blocks_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let original = format!("--datadir={}", path("original"));
    make_chain(&original, 3);
    let expected = run_node(["db", "digest", &original]).success().stdout;
    let file = path("blocks.rlp");
    run_node(["export", &file, &original]).success();
    let bytes = fs::read(&file).expect("read");

    let copy = format!("--datadir={}", path("copy"));
    let part = path("part.rlp");
    fs::write(&part, &bytes[..bytes.len() * 2 / 3]).expect("written");
    run_node(["import", &part, &copy]).failure(1, "truncated");
    let mut flipped = bytes.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    fs::write(&part, &flipped).expect("written");
    let refused = run_node(["import", &part, &copy]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(!refused.stderr.contains("bug in thread"), "{}", refused.stderr);
    fs::write(&part, &bytes[bytes.len() / 2..]).expect("written");
    assert_eq!(run_node(["import", &part, &copy]).code, 1);

    run_node(["import", &file, &copy]).success();
    assert_eq!(run_node(["db", "digest", &copy]).success().stdout, expected);

    let gap = path("gap.rlp");
    run_node(["export", &gap, &original, "--from=3"]).success();
    let fresh = format!("--datadir={}", path("fresh"));
    run_node(["import", &gap, &fresh]).failure(1, "does not connect");
}
