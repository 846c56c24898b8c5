//! The waist between operations and a database: two methods, named parameters, owned rows.

use shared::{AccountId, Bytes, ConversationId, DeviceId, MessageId, Millis};

pub mod migrate;
pub mod sqlite;

/// What went wrong below an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The disk is full, the file can't be read or written, another process holds it.
    #[error("the database can't be written now: {0}")]
    Unavailable(String),
    /// A uniqueness or reference rule was broken: a check that came before it is missing.
    #[error("a rule of the schema was broken: {0}")]
    Constraint(String),
    /// Anything else the driver says.
    #[error("the database refused a statement: {0}")]
    Driver(String),
    /// A stored row is not of the shape the code expects.
    #[error("a stored row has another shape: {0}")]
    Shape(&'static str),
}

/// A parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub enum Param<'a> {
    /// NULL.
    Null,
    /// INTEGER.
    Int(i64),
    /// BLOB.
    Bytes(&'a [u8]),
    /// TEXT.
    Text(&'a str),
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER.
    Int(i64),
    /// BLOB.
    Bytes(Vec<u8>),
    /// TEXT.
    Text(String),
}

/// A named parameter, e.g. `(":conversation", …)`.
pub type Named<'a> = (&'static str, Param<'a>);

/// A transaction as an operation sees it.
pub trait Sql {
    /// Runs a statement that returns no rows; says how many rows it changed.
    ///
    /// # Errors
    /// [`SqlError`].
    fn execute(&mut self, statement: &'static str, parameters: &[Named<'_>]) -> Result<usize, SqlError>;

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// [`SqlError`].
    fn query(&mut self, statement: &'static str, parameters: &[Named<'_>]) -> Result<Vec<Row>, SqlError>;
}

/// The first row of a query, if any.
pub(crate) fn first(sql: &mut dyn Sql, statement: &'static str, parameters: &[Named<'_>]) -> Result<Option<Row>, SqlError> {
    Ok(sql.query(statement, parameters)?.into_iter().next())
}

/// One row; its columns are taken from left to right.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    /// From the columns, left to right.
    #[must_use]
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    /// The next column.
    ///
    /// # Errors
    /// [`SqlError::Shape`] when there is none or it is of another type.
    pub fn take<T: Column>(&mut self) -> Result<T, SqlError> {
        T::read(self.0.next().ok_or(SqlError::Shape("fewer columns"))?)
    }
}

/// A type that a column can be read as.
pub trait Column: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// [`SqlError::Shape`].
    fn read(value: Value) -> Result<Self, SqlError>;
}

impl Column for i64 {
    fn read(value: Value) -> Result<Self, SqlError> {
        if let Value::Int(int) = value { Ok(int) } else { Err(SqlError::Shape("not an integer")) }
    }
}
impl Column for bool {
    fn read(value: Value) -> Result<Self, SqlError> {
        i64::read(value).map(|int| int != 0)
    }
}
impl Column for Millis {
    fn read(value: Value) -> Result<Self, SqlError> {
        u64::read(value).map(Self)
    }
}
impl Column for Vec<u8> {
    fn read(value: Value) -> Result<Self, SqlError> {
        if let Value::Bytes(bytes) = value { Ok(bytes) } else { Err(SqlError::Shape("not bytes")) }
    }
}
impl Column for Bytes {
    fn read(value: Value) -> Result<Self, SqlError> {
        Vec::read(value).map(Self)
    }
}
impl Column for String {
    fn read(value: Value) -> Result<Self, SqlError> {
        if let Value::Text(text) = value { Ok(text) } else { Err(SqlError::Shape("not text")) }
    }
}
impl<const N: usize> Column for [u8; N] {
    fn read(value: Value) -> Result<Self, SqlError> {
        Vec::read(value)?.try_into().map_err(|_| SqlError::Shape("bytes of another length"))
    }
}
impl<T: Column> Column for Option<T> {
    fn read(value: Value) -> Result<Self, SqlError> {
        if value == Value::Null { Ok(None) } else { T::read(value).map(Some) }
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Column for $type {
            fn read(value: Value) -> Result<Self, SqlError> {
                Self::try_from(i64::read(value)?).map_err(|_| SqlError::Shape("an integer out of bounds"))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64);

macro_rules! ids {
    ($($type:ident),*) => {$(
        impl Column for $type {
            fn read(value: Value) -> Result<Self, SqlError> {
                <[u8; 16]>::read(value).map(Self)
            }
        }
        impl<'a> From<&'a $type> for Param<'a> {
            fn from(id: &'a $type) -> Self {
                Self::Bytes(id.as_bytes())
            }
        }
    )*};
}
ids!(AccountId, ConversationId, DeviceId, MessageId);

impl From<i64> for Param<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}
impl From<u64> for Param<'_> {
    /// Numbers above 2^63 − 1 don't occur; one that did would be stored as the largest.
    fn from(int: u64) -> Self {
        Self::Int(i64::try_from(int).unwrap_or(i64::MAX))
    }
}
impl From<u32> for Param<'_> {
    fn from(int: u32) -> Self {
        Self::Int(int.into())
    }
}
impl From<u16> for Param<'_> {
    fn from(int: u16) -> Self {
        Self::Int(int.into())
    }
}
impl From<u8> for Param<'_> {
    fn from(int: u8) -> Self {
        Self::Int(int.into())
    }
}
impl From<bool> for Param<'_> {
    fn from(yes: bool) -> Self {
        Self::Int(yes.into())
    }
}
impl From<Millis> for Param<'_> {
    fn from(at: Millis) -> Self {
        at.0.into()
    }
}
impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Param<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a> From<&'a Vec<u8>> for Param<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a> From<&'a Bytes> for Param<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self::Bytes(bytes.as_slice())
    }
}
impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}
impl<'a, T: Into<Self>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}

/// `named! { account: &id, number: 7_u64 }`: parameters `:account` and `:number`.
macro_rules! named {
    ($($name:ident: $value:expr),* $(,)?) => {
        &[$((concat!(":", stringify!($name)), $crate::sql::Param::from($value))),*]
    };
}
pub(crate) use named;
