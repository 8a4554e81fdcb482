/**
 * The two rules that no ready-made linter rule can say: the arrows between rooms, resolved to real paths, and where SQL may stand.
 * packages/devstack/test/architecture.test.ts breaks each arrow once and expects the error.
 */
import { dirname, relative, resolve, sep } from 'node:path'
import { builtinModules } from 'node:module'
import { forbidden } from './arrows.js'

const workspaces = {
  contracts: 'packages',
  client: 'packages',
  platform: 'packages',
  devstack: 'packages',
  'auth-api': 'services',
  worker: 'services',
}
const builtins = new Set(builtinModules)

/** The repository path (or npm:, node: name) that `specifier`, written in `file`, leads to. */
function targetOf(specifier, file) {
  if (specifier.startsWith('.'))
    return posix(resolve('/', dirname(file), specifier))
      .slice(1)
      .replace(/\.js$/, '.ts')
  const own = /^@latchkey\/([^/]+)(?:\/(.*))?$/.exec(specifier)
  if (own !== null) return `${workspaces[own[1]] ?? 'packages'}/${own[1]}/src/${own[2] ?? 'index'}.ts`
  if (specifier.startsWith('node:') || builtins.has(specifier))
    return `node:${specifier.replace(/^node:/, '')}`
  return `npm:${specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')}`
}

const posix = (path) => path.split(sep).join('/')
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
const workspaceOf = (path) => /^(?:(?:packages|services)\/[^/]+|[^/]+)\//.exec(path)?.[0]

/** The names that an import brings at run time; null for all of them (`import *`, `export *`, `import()`). */
function namesOf(node) {
  if (node.type === 'TSImportType') return []
  if (node.type !== 'ImportDeclaration' && node.type !== 'ExportNamedDeclaration') return null
  if (node.importKind === 'type' || node.exportKind === 'type') return []
  if (node.specifiers.some(({ type }) => type === 'ImportNamespaceSpecifier')) return null
  return node.specifiers
    .filter(({ importKind, exportKind }) => importKind !== 'type' && exportKind !== 'type')
    .map(({ imported, local }) => (imported ?? local).name)
}

function violations(file, node) {
  const specifier = node.source.value
  const target = targetOf(specifier, file)
  const names = namesOf(node)
  const found = forbidden.filter((arrow) => {
    const match = new RegExp(arrow.from).exec(file)
    if (match === null || !new RegExp(arrow.to.replaceAll('$1', escape(match[1] ?? ''))).test(target))
      return false
    return arrow.names === undefined || names === null || names.some((name) => arrow.names.includes(name))
  })
  const leaves = specifier.startsWith('.') && workspaceOf(file) !== workspaceOf(target)
  return [
    ...found.map(({ because }) => because),
    ...(leaves ? ['a relative path never leaves its workspace: import the package by its name'] : []),
  ]
}

const arrows = {
  create(context) {
    const file = posix(relative(context.cwd, context.filename))
    const check = (node) => {
      if (typeof node.source?.value !== 'string') return
      for (const because of violations(file, node))
        context.report({ node, message: `${file} must not import ${node.source.value}: ${because}.` })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    }
  },
}

const sqlHomes = /(?:^|\/)queries\.ts$|^packages\/platform\/src\/database\//
const statement =
  /^\s*(?:select\s[\s\S]+\sfrom\s|insert\s+into\s|update\s[\s\S]+\sset\s|delete\s+from\s|with\s[\s\S]+\sas\s|(?:create|alter|drop)\s+(?:table|database|role|index|schema|function)\s|truncate\s|set\s+(?:local\s+)?role\s)/i

const sqlInQueries = {
  create(context) {
    if (sqlHomes.test(posix(relative(context.cwd, context.filename)))) return {}
    const report = (node) =>
      context.report({ node, message: 'SQL stands in queries.ts, platform/database and migrations only.' })
    return {
      TaggedTemplateExpression(node) {
        const name = node.tag.type === 'MemberExpression' ? node.tag.property.name : node.tag.name
        if (/^(?:sql|tx|transaction)$/i.test(name) || statement.test(node.quasi.quasis[0].value.raw))
          report(node)
      },
      CallExpression(node) {
        if (node.callee.type === 'MemberExpression' && node.callee.property.name === 'unsafe') report(node)
      },
      Literal(node) {
        if (typeof node.value === 'string' && statement.test(node.value)) report(node)
      },
      TemplateLiteral(node) {
        if (node.parent.type === 'TaggedTemplateExpression') return
        if (statement.test(node.quasis.map((part) => part.value.raw).join('$'))) report(node)
      },
    }
  },
}

export default { meta: { name: 'latchkey' }, rules: { arrows, 'sql-in-queries': sqlInQueries } }
