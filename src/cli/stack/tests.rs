//! Stacks in all their states, and values as a shell reads them.

use super::*;

fn stack(name: &str, status: &str) -> PortResult<Option<Stack>> {
    let outputs = [("Table".to_string(), "ours".to_string())];
    Ok(Some(Stack {
        name: name.to_string(),
        status: status.to_string(),
        outputs: outputs.into(),
    }))
}

fn of(
    storage: PortResult<Option<Stack>>,
    fleet: PortResult<Option<Stack>>,
) -> Result<FleetStacks, Failure> {
    both("ours", "us-east-1", storage, fleet, &mut |_| {})
}

#[test]
fn a_fleet_s_stack_may_be_missing_and_the_storage_s_may_not() {
    let stacks = of(stack("ours-storage", "CREATE_COMPLETE"), Ok(None)).unwrap();
    assert_eq!(stacks.fleet, None);
    assert_eq!(stacks.environment(), [("ANNEXA_TABLE", "ours".to_string())]);
    let failure = of(Ok(None), Ok(None)).unwrap_err();
    assert_eq!(failure.code, exit::USAGE);
    assert_eq!(failure.problems.len(), 1);
    let said = &failure.problems[0];
    assert!(
        said.starts_with("stack ours-storage is not there in us-east-1"),
        "{said}"
    );
    assert!(said.ends_with("infra/deploy --name ours"), "{said}");
}

#[test]
fn stacks_that_cannot_be_relied_on_are_all_named_with_their_state_and_what_to_do() {
    let failure = of(
        stack("ours-storage", "CREATE_IN_PROGRESS"),
        stack("ours-fleet", "ROLLBACK_COMPLETE"),
    );
    let failure = failure.unwrap_err();
    assert_eq!((failure.code, failure.problems.len()), (exit::USAGE, 2));
    assert!(
        failure.problems[0]
            .contains("CREATE_IN_PROGRESS: wait for it with aws cloudformation wait")
    );
    assert!(failure.problems[1].contains("ours-fleet is ROLLBACK_COMPLETE"));
    let updating = stack("ours-storage", "UPDATE_IN_PROGRESS");
    assert!(of(updating, stack("ours-fleet", "UPDATE_IN_PROGRESS")).is_ok());
}

#[test]
fn a_fleet_s_stack_that_is_going_is_taken_as_missing_with_a_warning_and_the_storage_s_is_not() {
    for status in ["DELETE_FAILED", "DELETE_IN_PROGRESS"] {
        let mut warnings = Vec::new();
        let stacks = both(
            "ours",
            "us-east-1",
            stack("ours-storage", "UPDATE_COMPLETE"),
            stack("ours-fleet", status),
            &mut |warning| warnings.push(warning),
        );
        assert_eq!(stacks.unwrap().fleet, None);
        let said = format!("stack ours-fleet is {status}: taken as missing");
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with(&said), "{warnings:?}");
        let failure = of(stack("ours-storage", status), Ok(None)).unwrap_err();
        assert_eq!((failure.code, failure.problems.len()), (exit::USAGE, 1));
    }
}

#[test]
fn no_permission_is_usage_and_no_connection_is_a_failure_that_may_pass() {
    let refused = || {
        Err(PortError::permanent_job(
            "allow cloudformation:DescribeStacks",
        ))
    };
    let nobody = || Err(PortError::transient("no connection"));
    let failure = of(refused(), refused()).unwrap_err();
    assert_eq!(failure.code, exit::USAGE);
    assert_eq!(failure.problems, ["allow cloudformation:DescribeStacks"]);
    assert_eq!(of(nobody(), nobody()).unwrap_err().code, exit::FAILED);
}

#[test]
fn values_are_quoted_where_a_shell_would_read_them_otherwise() {
    assert_eq!(
        quoted("http://127.0.0.1:4566/0/a-b"),
        "http://127.0.0.1:4566/0/a-b"
    );
    assert_eq!(quoted("my inbox/"), "'my inbox/'");
    assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    assert_eq!(quoted("*"), "'*'");
}
