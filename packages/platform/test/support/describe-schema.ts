import type { Sql } from '@latchkey/platform/database/client'

interface Column {
  name: string
  type: string
  isNullable: boolean
  default: string | null
}

interface Table {
  name: string
  kind: string
  options: string[] | null
  columns: Column[]
  constraints: string[]
  indexes: string[]
  rights: string[]
}

/** The schema as a person reads it, from the catalogs and alike on every version; without the partitions of single months. */
export async function describeSchema(sql: Sql): Promise<string> {
  const tables = await sql<Table[]>`
    SELECT c.relname AS name,
      CASE WHEN relkind = 'p' THEN 'partitioned ' || pg_get_partkeydef(c.oid) WHEN relispartition THEN pg_get_expr(relpartbound, c.oid) ELSE '' END AS kind,
      reloptions AS options,
      (
        SELECT jsonb_agg(jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod),
          'isNullable', NOT attnotnull, 'default', pg_get_expr(adbin, adrelid)) ORDER BY attnum)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
      ) AS columns,
      ARRAY(
        SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE conrelid = c.oid AND contype <> 'n' ORDER BY contype = 'p' DESC, conname
      ) AS constraints,
      ARRAY(
        SELECT regexp_replace(pg_get_indexdef(indexrelid), '^CREATE (UNIQUE )?INDEX ([^ ]+) ON .*? USING', '\\1\\2')
        FROM pg_index JOIN pg_class i ON i.oid = indexrelid
        WHERE indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY i.relname
      ) AS indexes,
      ARRAY(
        SELECT format('%s may %s', grantee::regrole, string_agg(privilege, ', ' ORDER BY privilege))
        FROM (
          SELECT grantee, privilege_type AS privilege FROM aclexplode(c.relacl)
          UNION ALL
          SELECT grantee, format('%s (%s)', privilege_type, string_agg(attname, ', ' ORDER BY attnum))
          FROM pg_attribute, aclexplode(attacl) WHERE attrelid = c.oid GROUP BY grantee, privilege_type
        ) AS granted
        WHERE grantee <> c.relowner GROUP BY grantee ORDER BY grantee::regrole::text
      ) AS rights
    FROM pg_class c
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname !~ '^security_events_[0-9]'
    ORDER BY relname`
  const functions = await sql<{ definition: string }[]>`
    SELECT format('%s returns %s%s%s%s', p.oid::regprocedure, pg_get_function_result(p.oid),
      CASE WHEN prosecdef THEN ', with the rights of ' || proowner::regrole END,
      CASE WHEN proconfig IS NOT NULL THEN ', ' || array_to_string(proconfig, ', ') END,
      (SELECT ', for ' || string_agg(CASE grantee WHEN 0 THEN 'everybody' ELSE grantee::regrole::text END, ', ')
        FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee <> proowner)) AS definition
    FROM pg_proc p
    WHERE pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
    ORDER BY 1`
  return [
    '# Schema',
    'What the migrations make, read back from the catalogs of a migrated database. Everything belongs to `latchkey_migrator`.',
    ...tables.map(describeTable),
    '## Functions',
    list(functions.map(({ definition }) => definition)),
  ]
    .join('\n\n')
    .concat('\n')
}

function describeTable({ name, kind, options, columns, constraints, indexes, rights }: Table): string {
  const about = [kind, ...(options ?? [])].filter((text) => text !== '').join(', ')
  return [
    `## ${name}`,
    ...(about === '' ? [] : [about]),
    ['| column | type | null | default |', '| --- | --- | --- | --- |', ...columns.map(describeColumn)].join(
      '\n',
    ),
    list([...constraints, ...indexes.map((index) => `index ${index}`), ...rights]),
  ].join('\n\n')
}

function describeColumn({ name, type, isNullable, default: value }: Column): string {
  return `| ${name} | ${type} | ${isNullable ? 'yes' : ''} | ${value === null ? '' : `\`${value.replaceAll('|', '\\|')}\``} |`
}

const list = (lines: readonly string[]) => lines.map((line) => `- \`${line}\``).join('\n')
