import { crc32, deflateSync } from 'node:zlib'
import { encodeQR } from 'qr'

// Four modules of margin, ISO/IEC 18004, 6.3.8. Large enough for a phone that looks at a screen.
const marginModules = 4
const pixelsPerModule = 6

/** A QR code as a PNG in a data URL, for an `img` under any policy that allows `data:`. */
export function qrCodeDataUrl(text: string): string {
  const modules = encodeQR(text, 'raw', { ecc: 'medium', border: marginModules })
  return `data:image/png;base64,${encodePng(modules, pixelsPerModule).toString('base64')}`
}

/** One bit a pixel, black where true (PNG third edition, W3C). A library for this would bring forty times the code. */
function encodePng(modules: readonly (readonly boolean[])[], scale: number): Buffer {
  const size = modules.length * scale
  const rowBytes = Math.ceil(size / 8)
  const header = Buffer.alloc(13) // compression, filter and interlace methods are 0
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.writeUInt8(1, 8) // bit depth; the colour type behind it, 0, is greyscale
  const rows = modules.flatMap((row) => {
    const line = Buffer.alloc(1 + rowBytes, 0xff) // the first byte says how the row is filtered
    line.writeUInt8(0, 0)
    for (let x = 0; x < size; x += 1) {
      const at = 1 + (x >> 3)
      if (row[Math.floor(x / scale)] === true) line.writeUInt8(line.readUInt8(at) & ~(0x80 >> (x & 7)), at)
    }
    return Array.from({ length: scale }, () => line)
  })
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}
