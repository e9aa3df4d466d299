#include "formats/pdb.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "formats/error.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFile;

std::vector<std::string> names_of(const AtomicModel& model) {
  std::vector<std::string> names;
  for (const AtomRecord& atom : model.atoms) {
    names.push_back(atom.residue_name + "/" + atom.name);
  }
  return names;
}

std::string gzip(const std::string& text) {
  std::string bytes(compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  deflate(&stream, Z_FINISH);
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return bytes;
}

const std::string pdb_text =
    "HEADER    TEST\n"
    "MODEL        1\n"
    "ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00 10.50           N\n"
    "ATOM      2  CA AALA A   1      11.639   6.071  -5.147  0.60 12.25           C\n"
    "ATOM      3  CA BALA A   1      12.639   7.071  -6.147  0.40 13.00           C\n"
    "ATOM      4  CA  GLY A   2A      1.000   2.000   3.000  1.00  0.00           C\n"
    "HETATM    5  SE  MSE B  -3       4.000   5.000   6.000  1.00 20.00          SE\n"
    "HETATM    6  O   HOH B 101       9.000   9.000   9.000  1.00 20.00           O\n"
    "ENDMDL\n"
    "MODEL        2\n"
    "ATOM      1  N   ALA A   1      99.000  99.000  99.000  1.00 10.50           N\n"
    "ENDMDL\n"
    "END\n";

const std::string mmcif_text =
    "# comment\n"
    "data_TEST\n#\nloop_\n_atom_site.group_PDB\n_atom_site.id\n_atom_site.type_symbol\n"
    "_atom_site.label_atom_id\n_atom_site.label_alt_id\n_atom_site.label_comp_id\n"
    "_atom_site.label_asym_id\n_atom_site.label_entity_id\n_atom_site.label_seq_id\n"
    "_atom_site.pdbx_PDB_ins_code\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n"
    "_atom_site.occupancy\n_atom_site.B_iso_or_equiv\n_atom_site.auth_seq_id\n"
    "_atom_site.auth_asym_id\n_atom_site.pdbx_PDB_model_num\n"
    "ATOM 1 C CA . ALA A 1 1 ? 1.5 2.5 3.5 1.0 10.0 45 X 1\n"
    "ATOM 2 P P . DA B 2 1 B 4 5 6 0.5 30.0 -2 YY 1\n#\n";

TEST(AtomicModel, ReadsPdb) {
  const TemporaryFile file("x.pdb", pdb_text);

  const AtomicModel model = read_atomic_model(file.path());

  EXPECT_EQ(model.source, file.path());
  EXPECT_THAT(names_of(model), ElementsAre("ALA/N", "ALA/CA", "GLY/CA", "MSE/SE"));
  const AtomRecord& ca = model.atoms[1];
  EXPECT_THAT(ca.position_angstrom, ElementsAre(11.639, 6.071, -5.147));
  EXPECT_EQ(ca.chain, "A");
  EXPECT_EQ(ca.residue_number, 1);
  EXPECT_EQ(ca.element, "C");
  EXPECT_EQ(ca.atomic_number, 6);
  EXPECT_FALSE(ca.hetero);
  EXPECT_NEAR(ca.occupancy, 0.6, 1e-7);
  EXPECT_EQ(ca.b_factor, 12.25);
  EXPECT_EQ(model.atoms[2].insertion_code, 'A');
  EXPECT_EQ(model.atoms[3].residue_number, -3);
  EXPECT_EQ(model.atoms[3].atomic_number, 34);
  EXPECT_TRUE(model.atoms[3].hetero);
}

TEST(AtomicModel, ReadsMmcifWithTheAuthorsNames) {
  const TemporaryFile file("wrong_ending.pdb", mmcif_text);

  const AtomicModel model = read_atomic_model(file.path());

  EXPECT_THAT(names_of(model), ElementsAre("ALA/CA", "DA/P"));
  EXPECT_EQ(model.atoms[0].chain, "X");
  EXPECT_EQ(model.atoms[0].residue_number, 45);
  EXPECT_EQ(model.atoms[1].chain, "YY");
  EXPECT_EQ(model.atoms[1].residue_number, -2);
  EXPECT_EQ(model.atoms[1].insertion_code, 'B');
  EXPECT_EQ(model.atoms[1].element, "P");
}

TEST(AtomicModel, ReadsGzippedFilesWhateverTheirName) {
  const TemporaryFile pdb("x.pdb", gzip(pdb_text));
  const TemporaryFile cif("x.cif.gz", gzip(mmcif_text));

  EXPECT_EQ(read_atomic_model(pdb.path()).atoms.size(), 4U);
  EXPECT_EQ(read_atomic_model(cif.path()).atoms.size(), 2U);
}

TEST(AtomicModel, KeepsOneOfTwoResiduesInOnePlace) {
  const TemporaryFile file(
      "x.pdb",
      "ATOM      1  N  APRO A  22      11.104   6.134  -6.504  0.60 10.50           N\n"
      "ATOM      2  CA APRO A  22      11.639   6.071  -5.147  0.60 12.25           C\n"
      "ATOM      3  N  BSER A  22      11.104   6.134  -6.504  0.40 10.50           N\n"
      "ATOM      4  CA BSER A  22      11.639   6.071  -5.147  0.40 12.25           C\n"
      "ATOM      5  CA  GLY A  23      11.639   6.071  -5.147  1.00 12.25           C\n");

  EXPECT_THAT(names_of(read_atomic_model(file.path())), ElementsAre("PRO/N", "PRO/CA", "GLY/CA"));
}

TEST(AtomicModel, KeepsAnAtomThatOnlyALaterLocationHas) {
  const TemporaryFile file(
      "x.pdb",
      "ATOM      1  CA AVAL A   1      11.639   6.071  -5.147  0.60 12.25           C\n"
      "ATOM      2  CB BVAL A   1      11.639   6.071  -5.147  0.40 12.25           C\n"
      "ATOM      3  CA BVAL A   1      12.639   6.071  -5.147  0.40 12.25           C\n"
      "ATOM      4  CG CVAL A   1       1.000   6.071  -5.147  0.40 12.25           C\n"
      "ATOM      5  CG AVAL A   1       2.000   6.071  -5.147  0.40 12.25           C\n");

  const AtomicModel model = read_atomic_model(file.path());

  EXPECT_THAT(names_of(model), ElementsAre("VAL/CA", "VAL/CB", "VAL/CG"));
  EXPECT_EQ(model.atoms[0].position_angstrom[0], 11.639);
  EXPECT_EQ(model.atoms[2].position_angstrom[0], 2);
}

TEST(AtomicModel, KnowsTheElementsOfNamesWrittenFlushLeft) {
  // As CHARMM and NAMD write them, without a column for the element.
  const TemporaryFile file(
      "x.pdb",
      "ATOM      1 N    HSD     1     -10.097  25.954  13.632  1.00 76.22      4AKE\n"
      "ATOM      5 CA   HSD     1     -10.097  25.954  13.632  1.00 76.22      4AKE\n"
      "ATOM      6 C    HSD     1     -10.097  25.954  13.632  1.00 76.22      4AKE\n"
      "ATOM      7 CD   ARG     2     -10.097  25.954  13.632  1.00 76.22      4AKE\n"
      "ATOM      8 NE   ARG     2     -10.097  25.954  13.632  1.00 76.22      4AKE\n"
      "ATOM      9 HG   SER     3     -10.097  25.954  13.632  1.00 76.22      4AKE\n"
      "HETATM   10 CA    CA     4     -10.097  25.954  13.632  1.00 76.22      4AKE\n"
      "HETATM   11 ZN    ZN     5     -10.097  25.954  13.632  1.00 76.22      4AKE\n");

  std::vector<std::string> elements;
  for (const AtomRecord& atom : read_atomic_model(file.path()).atoms) {
    elements.push_back(atom.element);
  }

  EXPECT_THAT(elements, ElementsAre("N", "C", "C", "C", "N", "H", "Ca", "Zn"));
}

TEST(AtomicModel, RefusesWhatHoldsNoAtoms) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "found no atom, expected a PDB or mmCIF file"},
      {"hello\nworld\n", "found no atom"},
      {"data_x\n_cell.length_a 1\n", "found no atom"},
      {"data_x\nloop_\n_a.b\n'open\n", ":4:6: unterminated 'string'"},
      {"data_x\n_a.b\n", ""},
      {gzip(pdb_text).substr(0, 100), "found a damaged or truncated gzip file"},
      {std::string(3000, '\0'), "found no atom"},
      {"ATOM      1  N   ALA A   1      11.104   6.134\n", ""}};
  for (const auto& [bytes, message] : cases) {
    const TemporaryFile file("x.pdb", bytes);
    const std::string said = testing::input_error_of([&] { read_atomic_model(file.path()); });
    EXPECT_THAT(said, HasSubstr(message));
    EXPECT_THAT(said, HasSubstr(file.path()));
  }
  EXPECT_THROW(read_atomic_model("no/such.pdb"), Error);
}

}  // namespace
}  // namespace cryosip::formats
