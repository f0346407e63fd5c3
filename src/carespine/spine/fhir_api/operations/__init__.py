"""Operations of R4: $everything, $lastn, $meta and its kin."""
