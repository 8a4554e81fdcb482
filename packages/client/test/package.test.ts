// Property: what an app downloads is small, is what it calls and no more, and stands on nothing else.
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import t from 'tap'

const packageFolder = fileURLToPath(new URL('../', import.meta.url))

async function bundle(contents: string): Promise<{ text: string; bytes: number; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: packageFolder },
    absWorkingDir: packageFolder,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
  })
  const [file] = outputFiles
  if (file === undefined) throw new Error('nothing was built')
  return {
    text: file.text,
    bytes: gzipSync(file.contents, { level: 9 }).length,
    inputs: Object.keys(metafile.inputs).filter((name) => name !== '<stdin>'),
  }
}

const core = await bundle(`export { createClient } from '@latchkey/client'`)
const withSignIn = await bundle(`
  export { createClient } from '@latchkey/client'
  export { login, register } from '@latchkey/client/routes'`)
const everything = await bundle(`
  export * from '@latchkey/client'
  export * from '@latchkey/client/routes'
  export * from '@latchkey/client/admin'`)

t.test('the core is under 6 kB, compressed', async (t) => {
  t.ok(core.bytes < 6000, `${core.bytes} bytes`)
})

t.test('a route that is not called is not there', async (t) => {
  t.notMatch(core.text, /2fa|passkeys/)
  t.match(withSignIn.text, 'POST /login')
  t.notMatch(withSignIn.text, /2fa|passkeys|webhooks/)
  t.ok(withSignIn.bytes < core.bytes + 500, `${withSignIn.bytes} bytes`)
  t.match(everything.text, /2fa[^]*webhooks/)
})

t.test('it imports nothing from elsewhere', async (t) => {
  t.ok(everything.inputs.length > 15)
  t.same(
    everything.inputs.filter((name) => !name.startsWith('dist/')),
    [],
  )
})
