//! The uncompressed bytes, with how many archive bytes they took.

use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::{BLOCK, MAX_PADDING, corrupt, decoding};
use crate::archive::UnpackError;
use crate::archive::meter::Meter;
use crate::archive::source::{Section, Source, read_exact_at};
use crate::protocol::ArchiveFault;

pub(super) const CHUNK: usize = 64 << 10;

pub(super) struct GzipStream<'a, S: ?Sized> {
    decoder: MultiGzDecoder<BufReader<Section<'a, S>>>,
    unpacked: u64,
}

impl<'a, S: Source + ?Sized> GzipStream<'a, S> {
    pub(super) fn open(source: &'a S) -> Result<Self, UnpackError> {
        let size = source.size()?;
        let mut magic = [0; 3];
        let len = magic.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        read_exact_at(source, &mut magic[..len], 0)?;
        // RFC 1952, 2.3.1: ID1, ID2 and deflate.
        if magic != [0x1f, 0x8b, 8] {
            return Err(ArchiveFault::WrongFormat {}.whole().into());
        }
        let reader = BufReader::with_capacity(CHUNK, Section::new(source, 0, size));
        Ok(Self {
            decoder: MultiGzDecoder::new(reader),
            unpacked: 0,
        })
    }

    /// Archive bytes read so far, up to one buffer ahead.
    pub(super) fn consumed(&self) -> u64 {
        self.decoder.get_ref().get_ref().position()
    }

    fn some(&mut self, buffer: &mut [u8], meter: &Meter<'_>) -> Result<usize, UnpackError> {
        let n = self.decoder.read(buffer).map_err(decoding)?;
        self.unpacked += n as u64;
        meter
            .ratio(self.consumed(), self.unpacked)
            .map_err(ArchiveFault::whole)?;
        Ok(n)
    }

    pub(super) fn fill(&mut self, mut buffer: &mut [u8], meter: &Meter<'_>) -> Result<(), UnpackError> {
        while !buffer.is_empty() {
            match self.some(buffer, meter)? {
                0 => return Err(ArchiveFault::Truncated {}.whole().into()),
                n => buffer = &mut buffer[n..],
            }
        }
        Ok(())
    }

    pub(super) fn skip(&mut self, bytes: u64, meter: &Meter<'_>) -> Result<(), UnpackError> {
        let mut buffer = vec![0; CHUNK];
        let mut left = bytes;
        while left > 0 {
            let len = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
            self.fill(&mut buffer[..len], meter)?;
            left -= len as u64;
        }
        Ok(())
    }

    /// What fills the last block of an entry of `size` bytes.
    pub(super) fn skip_padding(&mut self, size: u64, meter: &Meter<'_>) -> Result<(), UnpackError> {
        let rest = (size % BLOCK as u64) as usize;
        if rest == 0 {
            return Ok(());
        }
        let mut padding = [0; BLOCK];
        self.fill(&mut padding[rest..], meter)
    }

    /// After the first block of zeros: only zeros up to the end, where gzip's checksum is compared.
    pub(super) fn finish(mut self, meter: &Meter<'_>) -> Result<(), UnpackError> {
        let mut buffer = vec![0; CHUNK];
        let mut seen = 0;
        loop {
            let n = self.some(&mut buffer, meter)?;
            if n == 0 {
                return Ok(());
            }
            seen += n as u64;
            if seen > MAX_PADDING || buffer[..n].iter().any(|b| *b != 0) {
                return Err(corrupt("data after the end").whole().into());
            }
        }
    }
}
