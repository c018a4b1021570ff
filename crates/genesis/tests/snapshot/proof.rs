//! A snapshot is proved to be one block's whole state, or refused for the reason that fits.

use alloy_primitives::B256;
use phala_genesis_lib::snapshot::{Header, OpenOptions, Snapshot, StateVersion, open, prove};

use crate::{
    files::{header, open_bytes, pair, raw_spec, sample, try_runtime},
    plain_trie::{Pairs, PlainTrie},
    vectors,
};

fn code(snapshot: &Snapshot, header: &Header) -> u8 {
    let proven = prove(snapshot, header.clone(), header.hash(), StateVersion::V0);
    proven.map_or_else(|error| error.exit_code(), |_| 0)
}

fn from_spec(pairs: &Pairs) -> Snapshot {
    open_bytes(raw_spec(pairs).as_bytes()).unwrap()
}

fn good_header() -> Header {
    header(PlainTrie::new(&sample(), StateVersion::V0).root, 9)
}

#[test]
fn the_whole_state_of_the_block_is_proved() {
    let proven =
        prove(&from_spec(&sample()), good_header(), good_header().hash(), StateVersion::V0)
            .unwrap();
    assert_eq!((proven.pairs, proven.header.number), (sample().len() as u64, 9));
}

#[test]
fn anything_but_the_blocks_state_has_another_root() {
    let header = good_header();
    let mut changed = sample();
    changed.get_mut(&b"abc"[..]).unwrap()[0] ^= 1;
    let mut less = sample();
    less.remove(&b"a"[..]);
    let mut more = sample();
    more.insert(b"new".to_vec(), vec![]);
    for pairs in [changed, less, more, Pairs::new()] {
        assert_eq!(code(&from_spec(&pairs), &header), 31);
    }
}

#[test]
fn the_header_must_be_that_of_the_block() {
    let snapshot = from_spec(&sample());
    let error = prove(&snapshot, good_header(), B256::ZERO, StateVersion::V0).unwrap_err();
    assert_eq!(error.exit_code(), 26);
}

#[test]
fn what_the_snapshot_says_of_its_block_must_fit() {
    let trie = PlainTrie::new(&sample(), StateVersion::V0);
    let (ours, other) = (header(trie.root, 9), header(trie.root, 10));
    let v4 = open_bytes(&try_runtime(4, &trie, &ours)).unwrap();
    assert_eq!((code(&v4, &ours), code(&v4, &other)), (0, 27));
    let v3 = open_bytes(&try_runtime(3, &trie, &ours)).unwrap();
    assert_eq!((code(&v3, &ours), code(&v3, &other)), (0, 28));
    let changes: Vec<_> = sample().iter().map(pair).collect();
    let dump = format!(r#"[{{"block":"{}","changes":[{}]}}]"#, ours.hash(), changes.join(","));
    let dump = open_bytes(dump.as_bytes()).unwrap();
    assert_eq!((code(&dump, &ours), code(&dump, &other)), (0, 28));
}

#[test]
fn a_state_laid_out_anew_is_told_from_a_wrong_one() {
    let trie = PlainTrie::new(&sample(), StateVersion::V1);
    let header = header(trie.root, 9);
    for snapshot in [from_spec(&sample()), open_bytes(&try_runtime(4, &trie, &header)).unwrap()] {
        assert_eq!(code(&snapshot, &header), 30);
        let proven = prove(&snapshot, header.clone(), header.hash(), StateVersion::V1);
        assert_eq!(proven.unwrap().state_version, StateVersion::V1);
    }
}

#[test]
fn recorded_snapshots_are_proved_and_the_partial_one_is_refused() {
    let snapshot = |name: &str| {
        let path = vectors::path(name)?;
        Some(open(&path, &OpenOptions::default()).unwrap())
    };
    let Some(partial) = snapshot("snap/real-partial.v4.snap.gz") else { return };
    assert_eq!(partial.pair_count(), 3);
    let stored = partial.header().unwrap().clone();
    assert_eq!(stored.number, 3_351_281);
    assert_eq!(code(&partial, &stored), 29);

    let genesis = snapshot("snap/phala-genesis.v4.snap.gz").unwrap();
    let header = genesis.header().unwrap().clone();
    assert_eq!(code(&genesis, &header), 0);
    let published = "0x1bb969d85965e4bb5a651abbedf21a54b6b31a21f66b5401cc3f1e286268d736";
    assert_eq!(header.hash(), published.parse::<B256>().unwrap());

    let mini = snapshot("synthetic/mini.v4.snap").unwrap();
    let mini_header = mini.header().unwrap().clone();
    assert_eq!(code(&mini, &mini_header), 0);
    let spec = snapshot("synthetic/mini-state.json").unwrap();
    assert_eq!(code(&spec, &mini_header), 0);
    let anew = snapshot("synthetic/mini.v4.statev1.snap").unwrap();
    assert_eq!(code(&anew, &anew.header().unwrap().clone()), 30);
    assert_eq!(code(&anew, &mini_header), 27);
    for (name, number) in [("kusama", 0), ("westend", 0)] {
        let list = vectors::json("vectors/genesis-roots.json").unwrap();
        let chains = list["chains"].as_array().unwrap();
        let chain = chains.iter().find(|chain| chain["file"] == name).unwrap();
        let spec = snapshot(&format!("chainspec/{name}.json.gz")).unwrap();
        let root = vectors::hash(&chain["state_root"]);
        assert_eq!(code(&spec, &crate::files::header(root, number)), 0, "{name}");
    }
}
