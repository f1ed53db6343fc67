//! The table definition by which Amazon Athena (and the Glue Data Catalog) reads results.parquet: names and types come from
//! the same columns as the file's.

use std::collections::BTreeSet;

use super::cells::{Kind, typed};
use crate::results::ResultColumns;

/// A column of the table, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableColumn {
    /// Its name in the table: lower case, letters, digits and underscores, unique.
    pub name: String,
    /// Its type in Hive's words.
    pub kind: &'static str,
}

/// Columns of the table; true: some have other names than in the file, so that Athena must go by their order.
pub(super) fn columns(columns: &ResultColumns) -> (Vec<TableColumn>, bool) {
    // The job's id is a column of the table that is in no file.
    let mut taken = BTreeSet::from(["job_id".to_string()]);
    let mut is_renamed = false;
    let table = typed(columns)
        .into_iter()
        .map(|column| {
            let plain = plain(&column.name);
            let name = (1..)
                .map(|n| match n {
                    1 => plain.clone(),
                    n => format!("{plain}_{n}"),
                })
                .find(|name| !taken.contains(name))
                .expect("there is always a next number");
            taken.insert(name.clone());
            // Athena itself takes names without regard to case.
            is_renamed |= name != column.name.to_ascii_lowercase();
            TableColumn {
                name,
                kind: hive_type(column.kind),
            }
        })
        .collect();
    (table, is_renamed)
}

fn plain(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_') => c,
            _ => '_',
        })
        .collect();
    match plain.is_empty() {
        true => "column".to_string(),
        false => plain,
    }
}

fn hive_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Input | Kind::Text | Kind::Words | Kind::List => "string",
        Kind::Number | Kind::Count => "bigint",
        Kind::SmallCount => "int",
        Kind::Amount => "decimal(18,9)",
        Kind::Share => "double",
        Kind::Flag => "boolean",
    }
}

/// `CREATE EXTERNAL TABLE` for the results.parquet of jobs with these columns that lie under `location`, each in a folder
/// that is named after its job.
pub fn table(columns_of: &ResultColumns, name: &str, location: &str) -> String {
    let (columns, is_renamed) = columns(columns_of);
    let location = match location.ends_with('/') {
        true => location.to_string(),
        false => format!("{location}/"),
    };
    let listed: Vec<String> = columns
        .iter()
        .map(|column| format!("  `{}` {}", column.name, column.kind))
        .collect();
    let by_order = match is_renamed {
        true => "WITH SERDEPROPERTIES ('parquet.column.index.access' = 'true')\n",
        false => "",
    };
    format!(
        "CREATE EXTERNAL TABLE `{name}` (\n{}\n)\n\
         PARTITIONED BY (`job_id` string)\n\
         ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n\
         {by_order}\
         STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'\n\
         OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'\n\
         LOCATION '{location}'\n\
         TBLPROPERTIES (\n  \
           'projection.enabled' = 'true',\n  \
           'projection.job_id.type' = 'injected',\n  \
           'storage.location.template' = '{location}${{job_id}}/'\n\
         );\n",
        listed.join(",\n")
    )
}
