import type { Annotations } from './annotations.js'
import { isJsonObject, type JsonObject } from './json-objects.js'
import type { TraitsSchema } from './traits-schema.js'
import { propertiesOf, requiredOf } from './user-types.js'

/** What anybody may know of the rules, for the page of the API: nothing of what is private to admins, nor of types that they alone give. */
export interface ShownRules {
  /** Empty when there is no list. */
  readonly userTypes: readonly string[]
  /** A JSON Schema without references. */
  readonly traits: JsonObject
}

/** A schema may contain itself, and twice at that: references beyond these are shown as anything. */
const maxDepth = 4
const maxReferences = 100

export function shownRules({ types, everybody, byType, annotations }: TraitsSchema): ShownRules {
  const open = types.filter(({ isReadOnly }) => !isReadOnly)
  const shown = open.flatMap(({ name }) => {
    const rules = byType.get(name)
    return rules === undefined ? [] : [{ title: name, ...shownSchema(rules.schema, annotations) }]
  })
  return {
    userTypes: open.map(({ name }) => name),
    traits: shown.length === 0 ? shownSchema(everybody.schema, annotations) : { anyOf: shown },
  }
}

/** Without conditions, which may speak of what is private. */
function shownSchema(root: JsonObject, annotations: ReadonlyMap<string, Annotations>): JsonObject {
  const properties = Object.entries(propertiesOf(root))
    .filter(([name]) => annotations.get(name)?.isPrivate !== true)
    .map(([name, property]) => [name, shownProperty(property, root, annotations.get(name))] as const)
  return { type: 'object', properties: Object.fromEntries(properties), required: requiredOf(root) }
}

function shownProperty(property: unknown, root: JsonObject, annotations: Annotations | undefined): unknown {
  const shown = withoutReferences(property, { root, depth: 0, budget: { references: maxReferences } })
  return annotations?.isReadOnly === true && isJsonObject(shown) ? { ...shown, readOnly: true } : shown
}

interface Expansion {
  readonly root: JsonObject
  readonly depth: number
  readonly budget: { references: number }
}

function withoutReferences(value: unknown, expansion: Expansion): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutReferences(item, expansion))
  return isJsonObject(value) ? expanded(value, expansion) : value
}

function expanded({ $ref, ...own }: JsonObject, expansion: Expansion): JsonObject {
  const entries = Object.entries(own).filter(([keyword]) => !keyword.startsWith('x-latchkey-'))
  return {
    ...(typeof $ref === 'string' && referred($ref, expansion)),
    ...Object.fromEntries(entries.map(([keyword, item]) => [keyword, withoutReferences(item, expansion)])),
  }
}

function referred(reference: string, expansion: Expansion): JsonObject {
  const { root, depth, budget } = expansion
  const target = resolve(reference, root)
  budget.references -= 1
  if (depth >= maxDepth || budget.references < 0 || !isJsonObject(target)) return {}
  return expanded(target, { ...expansion, depth: depth + 1 })
}

/** `#/$defs/name`; anchors and whatever else leads elsewhere are shown as anything. */
function resolve(reference: string, root: JsonObject): unknown {
  if (!reference.startsWith('#/')) return {}
  return reference
    .slice(2)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((found, part) => (isJsonObject(found) ? found[part] : {}), root)
}
