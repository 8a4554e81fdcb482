import jsQR from 'jsqr'
import { PNG } from 'pngjs'

/** What a camera reads off the picture: by other hands than those that drew it. Null when it reads nothing. */
export function readQrCode(dataUrl: string): string | null {
  const { data, width, height } = PNG.sync.read(
    Buffer.from(dataUrl.replace('data:image/png;base64,', ''), 'base64'),
  )
  return jsQR.default(new Uint8ClampedArray(data), width, height)?.data ?? null
}
