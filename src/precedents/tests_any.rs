//! Properties of the model that must hold for any text and any damage.

use super::tests::{all, small_artifact, small_corpus, small_model};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Words of real reports, long words, letters of several bytes and punctuation, in any order.
fn any_text() -> impl Strategy<Value = String> {
    let words: Vec<String> = small_corpus()
        .iter()
        .take(40)
        .flat_map(|report| {
            report
                .text
                .split(' ')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let piece = prop_oneof![
        8 => prop::sample::select(words),
        1 => "\\PC{0,12}",
        1 => prop::sample::select(vec![". ", "\n", "? ", "¿", "ß", "İ"]).prop_map(str::to_owned),
        1 => (250usize..400).prop_map(|n| "é".repeat(n)),
    ];
    (
        prop::collection::vec(piece, 0..120),
        prop::sample::select(vec![" ", ""]),
    )
        .prop_map(|(pieces, between)| pieces.join(between))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_answer_is_well_formed(text in any_text()) {
        let verdict = small_model().code(&text, ProblemType::Both, &|_| true);
        prop_assert_eq!(verdict.product.is_empty(), verdict.patient.is_empty());
        for side in [&verdict.product, &verdict.patient] {
            prop_assert!(side.len() <= 4);
            prop_assert!(side.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence));
            let codes: BTreeSet<&str> = side.iter().map(|given| given.code.as_str()).collect();
            prop_assert_eq!(codes.len(), side.len());
            for given in side {
                prop_assert!((0.0..=1.0).contains(&given.confidence));
                prop_assert!(!given.evidence.is_empty() && text.contains(&given.evidence));
                prop_assert!(given.evidence.chars().count() <= 300);
                prop_assert_eq!(given.evidence.trim(), given.evidence.as_str());
            }
        }
    }

    #[test]
    fn a_changed_artifact_is_an_error(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = small_artifact().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Precedents::from_bytes(&bytes).is_err());
        prop_assert!(Precedents::from_bytes(&small_artifact()[..at]).is_err());
    }

    /// Past the checksum: content that is wrong in itself is an error, or a model that works.
    #[test]
    fn changed_content_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let file = small_artifact();
        let mut content = zstd::stream::decode_all(&file[48..]).unwrap();
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if cut {
            content.truncate(end.index(content.len()));
        }
        let read = artifact::read_content(&content);
        prop_assert!(!cut || read.is_err());
        if let Ok(content) = read {
            let text = small_corpus()[0].text.clone();
            let model = Precedents::with_content(content);
            let verdict = model.code(&text, ProblemType::Both, &|_| true);
            prop_assert!(all(&verdict).all(|given| (0.0..=1.0).contains(&given.confidence)));
        }
    }
}
