export interface RefusedItem<Item> {
  readonly item: Item
  /** Why PostgreSQL will never take it. */
  readonly error: Error
}

/**
 * Inserts a batch; when PostgreSQL refuses what is in it, halves it until the item that is to blame stands alone, so that it
 * can't keep the others from being stored. Any other error (PostgreSQL away) is thrown: then every item is as good as before.
 */
export async function insertSplitting<Item, Result>(
  items: readonly Item[],
  insert: (items: readonly Item[]) => Promise<Result>,
): Promise<{ results: Result[]; refused: RefusedItem<Item>[] }> {
  try {
    return { results: [await insert(items)], refused: [] }
  } catch (error) {
    const [item] = items
    if (item === undefined || !isRefusalOfContent(error)) throw error
    if (items.length === 1) return { results: [], refused: [{ item, error }] }
    const middle = Math.ceil(items.length / 2)
    const first = await insertSplitting(items.slice(0, middle), insert)
    const second = await insertSplitting(items.slice(middle), insert)
    return {
      results: [...first.results, ...second.results],
      refused: [...first.refused, ...second.refused],
    }
  }
}

/** SQLSTATE classes data exception, integrity constraint violation and program limit exceeded. */
function isRefusalOfContent(error: unknown): error is Error {
  if (!(error instanceof Error && 'code' in error)) return false
  return typeof error.code === 'string' && /^(?:22|23|54)[\dA-Z]{3}$/.test(error.code)
}
