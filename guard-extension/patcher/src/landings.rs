//! Marks on sites where branches land. Knows offsets only, of any processor's code.

use crate::Site;

/// Sites (ascending) being marked.
pub(crate) struct Landings<'s> {
    sites: &'s mut [Site],
    /// One bit per 64 bytes of text, so that nearly all branches are done with at once. Texts over
    /// 2 MiB share bits.
    filter: [u64; 512],
}

impl<'s> Landings<'s> {
    pub(crate) fn new(sites: &'s mut [Site]) -> Self {
        let mut filter = [0; 512];
        for site in &*sites {
            for edge in [
                site.offset.saturating_sub(32),
                site.offset.saturating_add(31),
            ] {
                let (word, bit) = slot(edge);
                filter[word] |= 1 << bit;
            }
        }
        Self { sites, filter }
    }

    /// A branch lands at `target`.
    #[inline]
    pub(crate) fn mark(&mut self, target: u32) {
        let (word, bit) = slot(target);
        if self.filter[word] >> bit & 1 == 1 {
            self.mark_sites(target);
        }
    }

    fn mark_sites(&mut self, target: u32) {
        // Windows of neighbours overlap: every site within 32 bytes.
        let first = self
            .sites
            .partition_point(|site| site.offset.saturating_add(31) < target);
        for site in self.sites.iter_mut().skip(first) {
            let bit = target.saturating_add(32).checked_sub(site.offset);
            let Some(bit) = bit.filter(|bit| *bit < 64) else {
                break;
            };
            site.landings |= 1 << bit;
        }
    }
}

const fn slot(offset: u32) -> (usize, u32) {
    ((offset >> 12) as usize & 511, offset >> 6 & 63)
}
