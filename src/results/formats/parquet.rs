//! results.parquet: typed columns in row groups of a bounded size, compressed with zstd.
//!
//! Every column is flat, so that every reader takes it: the reasons for review are one text, `;` between them, as in
//! results.csv (Athena's tables with lists in them cannot be given further columns later:
//! <https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html>).

use std::sync::Arc;

use bytes::Bytes;
use csv::ByteRecord;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::cells::{Column, Kind, Value, value};
use super::{About, FormatError};

/// Bytes of rows that make a row group: what is in memory at once, a few times over.
const GROUP_BYTES: usize = 32 << 20;
/// Rows that make one.
const GROUP_ROWS: usize = 100_000;
/// Bytes that a value takes besides its text.
const VALUE_BYTES: usize = 8;

pub(super) struct ParquetRows {
    columns: Vec<Column>,
    held: Vec<Held>,
    rows: usize,
    bytes: usize,
    file: SerializedFileWriter<Vec<u8>>,
}

impl ParquetRows {
    pub(super) fn new(columns: Vec<Column>, about: &About) -> Result<ParquetRows, FormatError> {
        let schema = schema(&columns).map_err(failed)?;
        let level = ZstdLevel::try_new(3).map_err(failed)?;
        let said = [
            ("annexa.job_id", about.job_id.as_str()),
            ("annexa.spec_sha256", about.spec_sha256.as_str()),
            ("annexa.version", env!("CARGO_PKG_VERSION")),
        ];
        let said = said.map(|(key, value)| KeyValue::new(key.to_string(), value.to_string()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_key_value_metadata(Some(said.to_vec()))
            // By row group, and no index of pages: what a writer remembers until the end stays small.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties));
        Ok(ParquetRows {
            held: columns.iter().map(|column| Held::of(column.kind)).collect(),
            columns,
            rows: 0,
            bytes: 0,
            file: file.map_err(failed)?,
        })
    }

    pub(super) fn row(&mut self, record: &ByteRecord, row: u64) -> Result<(), FormatError> {
        for (at, (column, held)) in self.columns.iter().zip(&mut self.held).enumerate() {
            let value = value(column, record, at, row)?;
            if !held.add(value) {
                return Err(failed(format!("'{}' holds another type", column.name)));
            }
        }
        self.rows += 1;
        self.bytes += record.as_slice().len() + self.columns.len() * VALUE_BYTES;
        if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), FormatError> {
        let mut group = self.file.next_row_group().map_err(failed)?;
        for held in &mut self.held {
            let column = group.next_column().map_err(failed)?;
            let mut column = column.ok_or_else(|| failed("a column is missing"))?;
            let levels = std::mem::take(&mut held.levels);
            let levels = held.is_optional.then_some(&levels[..]);
            let written = match &mut held.values {
                Values::Text(bytes, ends) => {
                    let texts = texts(bytes, ends);
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&texts, levels, None)
                }
                Values::Whole(values) => {
                    let values = std::mem::take(values);
                    column
                        .typed::<Int64Type>()
                        .write_batch(&values, levels, None)
                }
                Values::Small(values) => {
                    let values = std::mem::take(values);
                    column
                        .typed::<Int32Type>()
                        .write_batch(&values, levels, None)
                }
                Values::Share(values) => {
                    let values = std::mem::take(values);
                    column
                        .typed::<DoubleType>()
                        .write_batch(&values, levels, None)
                }
                Values::Flag(values) => {
                    let values = std::mem::take(values);
                    column
                        .typed::<BoolType>()
                        .write_batch(&values, levels, None)
                }
            };
            written.map_err(failed)?;
            column.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        // A writer into memory takes all it is given.
        let _ = self.file.flush();
        std::mem::take(self.file.inner_mut())
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, FormatError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.into_inner().map_err(failed)
    }
}

fn failed(what: impl ToString) -> FormatError {
    FormatError::Encoder {
        form: "parquet",
        what: what.to_string(),
    }
}

/// The values of a column in the row group that is being gathered.
struct Held {
    values: Values,
    is_optional: bool,
    /// 1 where a value is, 0 where none is.
    levels: Vec<i16>,
}

enum Values {
    /// All texts one behind the other, and where each ends.
    Text(Vec<u8>, Vec<usize>),
    Whole(Vec<i64>),
    Small(Vec<i32>),
    Share(Vec<f64>),
    Flag(Vec<bool>),
}

impl Held {
    fn of(kind: Kind) -> Held {
        let values = match kind {
            Kind::Input | Kind::Text | Kind::Words | Kind::List => {
                Values::Text(Vec::new(), Vec::new())
            }
            Kind::Number | Kind::Count | Kind::Amount => Values::Whole(Vec::new()),
            Kind::SmallCount => Values::Small(Vec::new()),
            Kind::Share => Values::Share(Vec::new()),
            Kind::Flag => Values::Flag(Vec::new()),
        };
        Held {
            values,
            is_optional: is_optional(kind),
            levels: Vec::new(),
        }
    }

    /// False: a value of another type than the column's.
    fn add(&mut self, value: Value<'_>) -> bool {
        if self.is_optional {
            self.levels.push(i16::from(value != Value::Null));
        }
        match (&mut self.values, value) {
            (_, Value::Null) => return self.is_optional,
            (
                Values::Text(bytes, ends),
                Value::Text(text) | Value::Words(text) | Value::List(text),
            ) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len());
            }
            (Values::Whole(values), Value::Whole(number) | Value::Nano(number)) => {
                values.push(number);
            }
            (Values::Small(values), Value::Whole(number)) => match i32::try_from(number) {
                Ok(number) => values.push(number),
                Err(_) => return false,
            },
            (Values::Share(values), Value::Share(share)) => values.push(share),
            (Values::Flag(values), Value::Flag(flag)) => values.push(flag),
            _ => return false,
        }
        true
    }
}

/// Slices of one piece of memory.
fn texts(bytes: &mut Vec<u8>, ends: &mut Vec<usize>) -> Vec<ByteArray> {
    let all = Bytes::from(std::mem::take(bytes));
    let mut from = 0;
    let slice = |end| {
        let text = all.slice(from..end);
        from = end;
        ByteArray::from(text)
    };
    std::mem::take(ends).into_iter().map(slice).collect()
}

fn is_optional(kind: Kind) -> bool {
    !matches!(kind, Kind::Input | Kind::Number)
}

fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let repetition = match is_optional(column.kind) {
            true => Repetition::OPTIONAL,
            false => Repetition::REQUIRED,
        };
        let (physical, logical) = match column.kind {
            Kind::Input | Kind::Text | Kind::Words | Kind::List => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String))
            }
            Kind::Number | Kind::Count => (Physical::INT64, None),
            Kind::SmallCount => (Physical::INT32, None),
            Kind::Amount => (Physical::INT64, Some(LogicalType::decimal(9, 18))),
            Kind::Share => (Physical::DOUBLE, None),
            Kind::Flag => (Physical::BOOLEAN, None),
        };
        let mut builder = Type::primitive_type_builder(&column.name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical);
        if column.kind == Kind::Amount {
            builder = builder.with_precision(18).with_scale(9);
        }
        builder.build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("results")
        .with_fields(fields)
        .build()?;
    Ok(Arc::new(schema))
}
