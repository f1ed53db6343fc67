//! The table's definition, for tests that make one of their own. infra/storage.yaml says the same in its
//! own words.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
    TimeToLiveSpecification,
};

use super::keys::{PK, SK, TTL};
use super::table::Table;
use crate::adapters::aws::AwsConfig;
use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};

/// Creates the table `name` if there is none: two text keys, paid by request, `ttl` as the time to live.
///
/// # Errors
/// No permission, no connection, or a table of this name with other keys (then the first use fails).
pub async fn create_table(
    aws: &AwsConfig,
    name: &str,
    clock: std::sync::Arc<dyn Clock>,
) -> PortResult<()> {
    let table = Table::new(aws, name, clock);
    let made = async {
        create(&table.client, name).await?;
        until_active(&table).await?;
        set_ttl(&table.client, name).await
    };
    made.await.map_err(|error| error.context(&table.place))
}

async fn create(client: &Client, name: &str) -> PortResult<()> {
    let failed = |what: &str, why: String| PortError::transient(format!("{what} ({why})"));
    let bug = |error| PortError::bug(format!("the table's definition cannot be built ({error})"));
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [(PK, KeyType::Hash), (SK, KeyType::Range)] {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name(attribute)
            .key_type(kind);
        request = request
            .attribute_definitions(definition.build().map_err(bug)?)
            .key_schema(key.build().map_err(bug)?);
    }
    match request.send().await {
        Ok(_) => {}
        Err(error) => match error.as_service_error() {
            Some(CreateTableError::ResourceInUseException(_)) => return Ok(()),
            _ => {
                let why = DisplayErrorContext(&error).to_string();
                return Err(failed("the table cannot be created", why));
            }
        },
    }
    Ok(())
}

/// A table is made within seconds, and nothing can be said to it before.
async fn until_active(table: &Table) -> PortResult<()> {
    for _ in 0..60 {
        let request = table.client.describe_table().table_name(&table.place.table);
        let status = match request.send().await {
            Ok(answer) => answer.table.and_then(|table| table.table_status),
            Err(_) => None,
        };
        if status == Some(TableStatus::Active) {
            return Ok(());
        }
        table.clock.0.sleep(Duration::from_secs(1)).await;
    }
    Err(PortError::transient(
        "the table is not active after a minute",
    ))
}

async fn set_ttl(client: &Client, name: &str) -> PortResult<()> {
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name(TTL)
        .enabled(true);
    let bug = |error| PortError::bug(format!("the time to live cannot be built ({error})"));
    let request = client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(ttl.build().map_err(bug)?);
    match request.send().await {
        Ok(_) => Ok(()),
        // Said before: it stands.
        Err(error) if error.code() == Some("ValidationException") => Ok(()),
        Err(error) => Err(PortError::transient(format!(
            "the time to live cannot be set: set it on attribute '{TTL}' ({})",
            DisplayErrorContext(&error)
        ))),
    }
}
