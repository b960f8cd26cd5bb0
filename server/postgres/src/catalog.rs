//! Reads the tables of the current schema from PostgreSQL's catalog.

use crate::connection::failed;
use crate::rows::Columns as _;
use mdm_server_core::store::{
    StoreError,
    schema::{HISTORY, Schema},
};
use tokio_postgres::GenericClient;

/// Each thing with its table and its definition. What operators tune is no part of it: storage options and targets of
/// statistics. Names are given as they are seen within the schema, so that the same
/// migrations give the same definitions in any.
const CATALOG: &str = r#"
with tables as (
    select c.oid, c.relname::text as name, c.relpersistence from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and c.relname <> $1
)
select 'table ' || t.name as thing, t.name as of_table, concat_ws(' ', t.relpersistence,
    (select string_agg(attname, ', ' order by attnum) from pg_attribute
     where attrelid = t.oid and attnum > 0 and not attisdropped)) as definition
from tables t
union all
select 'column ' || t.name || '.' || a.attname, t.name, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    case when a.attcollation <> y.typcollation then a.attcollation::regcollation::text end,
    case when a.attnotnull then 'not null' end, nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
    pg_get_expr(d.adbin, d.adrelid))
from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
join pg_type y on y.oid = a.atttypid left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
union all
-- Since version 18, what is not null is a constraint, too.
select 'constraint ' || c.conname || ' of ' || t.name, t.name,
    concat_ws(' ', pg_get_constraintdef(c.oid, true), c.convalidated)
from tables t join pg_constraint c on c.conrelid = t.oid where c.contype <> 'n'
union all
-- An index that is not valid enforces nothing. `reindex concurrently` makes such ones beside those that it replaces.
select 'index ' || i.relname, t.name, coalesce(pg_get_indexdef(i.oid, 0, true), '')
from tables t join pg_index x on x.indrelid = t.oid join pg_class i on i.oid = x.indexrelid
where x.indisvalid and i.relname !~ '_cc(new|old)[0-9]*$'
union all
select 'trigger ' || g.tgname || ' of ' || t.name, t.name, concat_ws(' ', pg_get_triggerdef(g.oid, true), g.tgenabled)
from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
union all
select distinct on (p.oid) 'function ' || p.proname, t.name, p.prosrc
from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal join pg_proc p on p.oid = g.tgfoid
"#;

/// Reads the current schema, without the tables of the migration library.
pub(super) async fn read(client: &impl GenericClient) -> Result<Schema, StoreError> {
    let mut schema = Schema::default();
    for row in client.query(CATALOG, &[&HISTORY]).await.map_err(failed)? {
        let (thing, table): (String, String) = (row.column(0)?, row.column(1)?);
        schema.add(thing, &table, row.column(2)?);
    }
    Ok(schema)
}
