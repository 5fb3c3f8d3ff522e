//! A book in PostgreSQL, which the replicas of a node share.

mod line;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use lazai_core::digest::DomainHasher;
use lazai_core::{Address, Amount, Digest, SessionId};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::{Book, BookError, BookFuture, Claim, Matter, PageSums};
use line::{Failure, Line, claim, failed};

/// What waits for nobody.
const AT_ONCE: Duration = Duration::ZERO;

/// What each version of the tables adds. A step that stands here is never changed.
const MIGRATIONS: [&str; 1] = ["CREATE TABLE lazai_pages (
        node bytea NOT NULL, session bytea NOT NULL, page bytea NOT NULL, change bytea NOT NULL,
        changed timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (node, session));
    CREATE TABLE lazai_secrets (node bytea PRIMARY KEY, secret bytea NOT NULL);"];
/// The lock under which tables are made: the letters `lazaibk1`.
const MIGRATING: i64 = 0x6c61_7a61_6962_6b31;
/// The pause between two tries to claim what another replica holds.
const PAUSE: Duration = Duration::from_millis(20);

/// Sums that are asked for at a time.
const AT_A_TIME: i64 = 10_000;

const INSERT: &str = "INSERT INTO lazai_pages (node, session, page, change) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING \
                      RETURNING 1";
const UPDATE: &str = "UPDATE lazai_pages SET page = $3, change = $4, changed = now() \
                      WHERE node = $1 AND session = $2 AND page = $5 RETURNING 1";
const MINE: &str = "SELECT 1 FROM lazai_pages WHERE node = $1 AND session = $2 AND change = $3";

/// A value of a statement, with its type.
type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// A book in a PostgreSQL database (version 11 or later), for all replicas of a node: processes with one account, on any number of
/// machines. Several nodes may share a database.
///
/// Pages are replaced by comparison, so that no two replicas take the same turn whatever happens to their connections. Claims are
/// advisory locks of one connection: a pooler in front must keep connections to their sessions. The tables `lazai_pages`,
/// `lazai_secrets` and `lazai_schema` are made the first time, and brought up to date by later versions.
///
/// While the database is away, requests wait up to twenty seconds for it, and then fail with
/// [`NodeError::Book`](crate::node::NodeError::Book): nothing is served that could not be written down.
///
/// The database holds the last reply of every session, and the secret that replies are repeated by: whoever reads it reads these.
///
/// # Example
/// ```no_run
/// use lazai::provider::PostgresBook;
/// # async fn share(provider: lazai::provider::Provider) -> Result<(), lazai::provider::BookError> {
/// let url = "postgresql://node@db.example/lazai?sslmode=require";
/// let book = PostgresBook::connect(url, provider.address(), None).await?;
/// let provider = provider.with_book(book);
/// # Ok(())
/// # }
/// ```
pub struct PostgresBook {
    line: Line,
    node: Address,
}

impl PostgresBook {
    /// Opens the book of a node, by a URL or by `key=value` pairs as `libpq` takes them. With `sslmode=require`, the server's
    /// certificate must be of a public authority, or of one in `authorities` (certificates as PEM).
    ///
    /// # Errors
    /// [`BookError`] if the text is no connection's, the certificates cannot be read, or the database does not answer within twenty
    /// seconds or refuses.
    pub async fn connect(url: &str, node: Address, authorities: Option<&[u8]>) -> Result<Self, BookError> {
        let line = Line::new(url, authorities)?;
        line.run(AT_ONCE, |client| {
            Box::pin(async move {
                // Who may only read and write rows needs no more, once the tables are there.
                if version(&client).await? == Some(MIGRATIONS.len() as i64) {
                    return Ok(());
                }
                client.query_typed("SELECT pg_advisory_lock($1)", &[(&MIGRATING, Type::INT8)]).await?;
                let migrated = migrate(&client).await;
                // After a step that failed, its transaction is open still.
                let undone = client.batch_execute("ROLLBACK").await;
                let unlocked = client.query_typed("SELECT pg_advisory_unlock($1)", &[(&MIGRATING, Type::INT8)]).await;
                migrated?;
                undone?;
                unlocked?;
                Ok(())
            })
        })
        .await?;
        Ok(Self { line, node })
    }

    /// The number of an advisory lock. Two matters may share one: then one of them waits for nothing, which does no harm.
    fn number(&self, matter: Matter) -> i64 {
        let hasher = DomainHasher::new("lazai.book.v1").part(self.node.as_bytes());
        let digest = match matter {
            Matter::Ledger => hasher.part(b"ledger").finish(),
            Matter::Session(session) => hasher.part(b"session").part(session.as_bytes()).finish(),
        };
        i64::from_le_bytes(digest.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// The version of the tables; none if they were never made.
async fn version(client: &Client) -> Result<Option<i64>, Failure> {
    let there = client.query_typed("SELECT to_regclass('lazai_schema') IS NOT NULL", &[]).await?;
    if !there.first().map_or(Ok(false), |row| row.try_get(0))? {
        return Ok(None);
    }
    let rows = client.query_typed("SELECT max(version) FROM lazai_schema", &[]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.flatten())
}

/// Brings the tables up to date, each step whole or not at all.
async fn migrate(client: &Client) -> Result<(), Failure> {
    client.batch_execute("CREATE TABLE IF NOT EXISTS lazai_schema (version bigint NOT NULL)").await?;
    let version = version(client).await?.unwrap_or(0);
    let known = MIGRATIONS.len() as i64;
    if version > known {
        let reason = format!("the tables are of version {version}, this library knows {known}: update it");
        return Err(Failure::Final(failed(reason)));
    }
    for (number, step) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > version) {
        let sql = format!("BEGIN; {step} INSERT INTO lazai_schema VALUES ({number}); COMMIT");
        client.batch_execute(&sql).await?;
    }
    Ok(())
}

impl Book for PostgresBook {
    fn sessions(&self) -> BookFuture<'_, Vec<SessionId>> {
        let node = self.node.as_bytes().to_vec();
        Box::pin(self.line.run(AT_ONCE, move |client| {
            let node = node.clone();
            Box::pin(async move {
                let sql = "SELECT session FROM lazai_pages WHERE node = $1";
                let rows = client.query_typed(sql, &[(&node, Type::BYTEA)]).await?;
                rows.iter().map(|row| session(row.try_get(0)?)).collect()
            })
        }))
    }

    fn sums(&self) -> BookFuture<'_, Vec<PageSums>> {
        let node = self.node.as_bytes().to_vec();
        Box::pin(async move {
            let (mut all, mut last) = (Vec::new(), Vec::new());
            loop {
                let (node, after) = (node.clone(), last.clone());
                let found = self.line.run(AT_ONCE, move |client| {
                    let (node, after) = (node.clone(), after.clone());
                    Box::pin(async move { sums(&client, &node, &after).await })
                });
                let found = found.await?;
                let Some(end) = found.last().map(|found| found.session.as_bytes().to_vec()) else { return Ok(all) };
                all.extend(found);
                last = end;
            }
        })
    }

    fn page(&self, session: SessionId) -> BookFuture<'_, Option<Vec<u8>>> {
        let (node, session) = (self.node.as_bytes().to_vec(), session.as_bytes().to_vec());
        Box::pin(self.line.run(AT_ONCE, move |client| {
            let (node, session) = (node.clone(), session.clone());
            Box::pin(async move { read(&client, &node, &session).await })
        }))
    }

    fn replace<'a>(&'a self, session: SessionId, before: Option<&'a [u8]>, after: &'a [u8]) -> BookFuture<'a, bool> {
        let (node, session) = (self.node.as_bytes().to_vec(), session.as_bytes().to_vec());
        let (before, after) = (before.map(<[u8]>::to_vec), after.to_vec());
        Box::pin(async move {
            // What this call writes: another replica may write the same page.
            let change = Digest::random().map_err(failed)?.as_bytes().to_vec();
            let replaced = self.line.run(AT_ONCE, move |client| {
                let (node, session, change) = (node.clone(), session.clone(), change.clone());
                let (before, after) = (before.clone(), after.clone());
                Box::pin(async move {
                    let key: [Value<'_>; 4] = [&node, &session, &after, &change].map(|bytes| (bytes as _, Type::BYTEA));
                    let rows = match &before {
                        None => client.query_typed(INSERT, &key).await?,
                        Some(before) => {
                            let [node, session, after, change] = key;
                            let before: Value<'_> = (before, Type::BYTEA);
                            client.query_typed(UPDATE, &[node, session, after, change, before]).await?
                        }
                    };
                    if !rows.is_empty() {
                        return Ok(true);
                    }
                    // An earlier try of this call may have been written though its answer got lost.
                    let [node, session, _, change] =
                        [&node, &session, &after, &change].map(|bytes| (bytes as _, Type::BYTEA));
                    Ok(!client.query_typed(MINE, &[node, session, change]).await?.is_empty())
                })
            });
            replaced.await
        })
    }

    fn secret(&self) -> BookFuture<'_, [u8; 32]> {
        let node = self.node.as_bytes().to_vec();
        Box::pin(async move {
            let fresh = Digest::random().map_err(failed)?.as_bytes().to_vec();
            let secret = self.line.run(AT_ONCE, move |client| {
                let (node, fresh) = (node.clone(), fresh.clone());
                Box::pin(async move {
                    // Whoever is first makes it; nobody ever changes it.
                    let insert = "INSERT INTO lazai_secrets VALUES ($1, $2) ON CONFLICT DO NOTHING";
                    client.query_typed(insert, &[(&node, Type::BYTEA), (&fresh, Type::BYTEA)]).await?;
                    let select = "SELECT secret FROM lazai_secrets WHERE node = $1";
                    let rows = client.query_typed(select, &[(&node, Type::BYTEA)]).await?;
                    let secret: Option<&[u8]> = rows.first().map(|row| row.try_get(0)).transpose()?;
                    let secret = secret.and_then(|secret| secret.try_into().ok());
                    secret.ok_or_else(|| Failure::Final(failed("the node's secret is not of 32 bytes")))
                })
            });
            secret.await
        })
    }

    fn claim(&self, matter: Matter, patience: Duration) -> BookFuture<'_, Option<Claim>> {
        let number = self.number(matter);
        Box::pin(async move {
            let until = Instant::now() + patience;
            let claimed = self.line.run(patience, move |client| {
                Box::pin(async move {
                    loop {
                        let sql = "SELECT pg_try_advisory_lock($1)";
                        let rows = client.query_typed(sql, &[(&number, Type::INT8)]).await?;
                        if rows.first().map_or(Ok(false), |row| row.try_get(0))? {
                            // Made here: whoever waited for it may have left.
                            return Ok(Some(claim(client, number)));
                        }
                        if Instant::now() >= until {
                            return Ok(None);
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                })
            });
            claimed.await
        })
    }
}

/// The next sums in the order of sessions. A reply may hold a NUL, which no type of the database takes: it is left out of what is
/// read here, but not where `\\u0000` is a backslash and letters.
async fn sums(client: &Client, node: &[u8], after: &[u8]) -> Result<Vec<PageSums>, Failure> {
    let sql = "SELECT session, page->>'owed', page->'paid'->'voucher'->>'cumulative' FROM \
               (SELECT session, \
               regexp_replace(convert_from(page, 'UTF8'), '(\\\\[^u])|\\\\u0000', '\\1', 'g')::json AS page FROM lazai_pages \
               WHERE node = $1 AND session > $2 ORDER BY session LIMIT $3) AS pages ORDER BY session";
    let values: [Value<'_>; 3] = [(&node, Type::BYTEA), (&after, Type::BYTEA), (&AT_A_TIME, Type::INT8)];
    let rows = client.query_typed(sql, &values).await?;
    let amount = |text: Option<&str>| {
        let amount = text.map_or(Ok(Amount::ZERO), str::parse);
        amount.map_err(|e| Failure::Final(failed(format!("a page's amount: {e}"))))
    };
    let sums = |row: &tokio_postgres::Row| {
        let (owed, signed) = (amount(row.try_get(1)?)?, amount(row.try_get(2)?)?);
        Ok::<_, Failure>(PageSums { session: session(row.try_get(0)?)?, owed, signed })
    };
    rows.iter().map(sums).collect()
}

async fn read(client: &Client, node: &[u8], session: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let sql = "SELECT page FROM lazai_pages WHERE node = $1 AND session = $2";
    let rows = client.query_typed(sql, &[(&node, Type::BYTEA), (&session, Type::BYTEA)]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

fn session(bytes: &[u8]) -> Result<SessionId, Failure> {
    let id = bytes.try_into().map(SessionId::from_bytes);
    id.map_err(|_| Failure::Final(failed(format!("a session's id of {} bytes", bytes.len()))))
}

impl Debug for PostgresBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgresBook {{ node: {} }}", self.node)
    }
}
