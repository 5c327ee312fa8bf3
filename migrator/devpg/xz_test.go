//go:build !windows

package devpg

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// xzStored wraps data as an .xz file without compressing it, since the standard library has no writer for that format:
// one block, whose LZMA2 chunks are all of the uncompressed kind, checked by CRC-32.
func xzStored(data []byte) []byte {
	const lzma2, dictionary1MB = 0x21, 16
	var b bytes.Buffer
	flags := []byte{0, 1}
	b.WriteString("\xfd7zXZ\x00")
	b.Write(flags)
	b.Write(crc(flags))

	start := b.Len()
	header := []byte{2, 0, lzma2, 1, dictionary1MB, 0, 0, 0} // size in words - 1, no sizes, one filter, padding
	b.Write(header)
	b.Write(crc(header))
	control := byte(1) // the first chunk resets the dictionary
	for rest := data; len(rest) > 0; control = 2 {
		n := min(len(rest), 1<<16)
		b.Write([]byte{control, byte((n - 1) >> 8), byte(n - 1)})
		b.Write(rest[:n])
		rest = rest[n:]
	}
	b.WriteByte(0)
	size := b.Len() - start + 4 // with the check, without the padding
	pad(&b, b.Len()-start)
	b.Write(crc(data))

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(size))
	index = binary.AppendUvarint(index, uint64(len(data)))
	index = append(index, make([]byte, -len(index)&3)...)
	b.Write(index)
	b.Write(crc(index))

	footer := binary.LittleEndian.AppendUint32(nil, uint32((len(index)+4)/4-1))
	footer = append(footer, flags...)
	b.Write(crc(footer))
	b.Write(footer)
	b.WriteString("YZ")
	return b.Bytes()
}

func crc(data []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
}

func pad(b *bytes.Buffer, n int) { b.Write(make([]byte, -n&3)) }
