use super::*;

fn rules() -> &'static ModelRules {
    ModelRules::find("us.anthropic.claude-sonnet-4-6").unwrap()
}

fn asked(max_tokens: u32, is_forced: bool, thinks: bool) -> Asked {
    Asked {
        reports: Vec::new(),
        problem_type: None,
        is_forced,
        thinks,
        max_tokens,
        prefix: None,
        other_bytes: 0,
        system: String::new(),
    }
}

fn entries() -> Vec<Value> {
    (0..3)
        .map(|index| json!({"index": index, "product": []}))
        .collect()
}

fn input(said: &Said) -> &Value {
    &said.content.last().unwrap()["toolUse"]["input"]
}

#[test]
fn a_forced_call_is_alone_and_another_is_preceded_by_text_and_thought() {
    let said = Said::new(Some(entries()), &asked(1_000, true, false), rules(), None);
    assert_eq!((said.content.len(), said.stop), (1, "tool_use"));
    let json = json!({"incidents": entries()});
    assert_eq!(input(&said), &json);
    assert_eq!(said.tokens, rules().tokens(json.to_string().len() as u64));
    let free = Said::new(Some(entries()), &asked(1_000, false, true), rules(), None);
    assert_eq!(free.content.len(), 3);
    let front = rules().tokens((LEAD.len() + THOUGHT.len()) as u64);
    assert_eq!(free.tokens, said.tokens + front);
}

#[test]
fn what_does_not_fit_into_max_tokens_is_cut_to_whole_entries() {
    let whole = Said::new(Some(entries()), &asked(1_000, true, false), rules(), None).tokens;
    let mut kept_before = 3;
    for max in (1..whole).rev() {
        let said = Said::new(
            Some(entries()),
            &asked(max as u32, true, false),
            rules(),
            None,
        );
        assert_eq!((said.stop, said.tokens), ("max_tokens", max));
        let kept = input(&said)["incidents"].as_array().map_or(0, Vec::len);
        assert!(kept <= kept_before && kept < 3);
        kept_before = kept;
        if kept > 0 {
            assert!(rules().tokens(input(&said).to_string().len() as u64) <= max);
        }
    }
    assert_eq!(kept_before, 0);
    let fits = Said::new(
        Some(entries()),
        &asked(whole as u32, true, false),
        rules(),
        None,
    );
    assert_eq!(fits.stop, "tool_use");
}

#[test]
fn faults_of_the_whole_answer_have_their_stop_reasons() {
    let said = |fault| {
        Said::new(
            Some(entries()),
            &asked(1_000, true, false),
            rules(),
            Some(fault),
        )
    };
    for (fault, stop, blocks) in [
        (Fault::Prose, "end_turn", 1),
        (Fault::Refusal, "refusal", 0),
        (Fault::MalformedToolUse, "malformed_tool_use", 0),
        (Fault::Cut, "max_tokens", 1),
        (Fault::InventedCode, "tool_use", 1),
    ] {
        let said = said(fault);
        assert_eq!(
            (said.stop, said.content.len()),
            (stop, blocks),
            "{}",
            fault.name()
        );
        let has_call = said
            .content
            .iter()
            .any(|block| block.get("toolUse").is_some());
        assert_eq!(has_call, matches!(fault, Fault::Cut | Fault::InventedCode));
    }
    let talk = Said::new(None, &asked(1_000, false, false), rules(), None);
    assert_eq!((talk.stop, talk.content.len()), ("end_turn", 1));
}
