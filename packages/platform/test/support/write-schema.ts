// Writes docs/schema.md anew: node packages/platform/dist-test/support/write-schema.js
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { migrate } from '@latchkey/platform/database/migrate'
import { writeFile } from 'node:fs/promises'
import { describeSchema } from './describe-schema.js'

let release = () => Promise.resolve()
const { url, owner } = await createTestDatabase({ teardown: (drop) => (release = drop) }, { isEmpty: true })
await migrate(url)
await writeFile(new URL('../../../../docs/schema.md', import.meta.url), await describeSchema(owner))
await release()
