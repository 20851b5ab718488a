// SPDX-License-Identifier: MIT
#include "counters.h"
#include "directory.h"
#include "endpoint.h"
#include "parse.h"
#include "tcp.h"

namespace {

namespace fs = std::filesystem;

using Endpoints = InDirectory;
using CounterFiles = InDirectory;

} // namespace

TEST(ParseAddress, WantsANumberAfterTheColon)
{
	EXPECT_EQ(parse_address("host:80"), (Address{"host", "80"}));
	EXPECT_EQ(parse_address(":9000"), (Address{"", "9000"}));
	EXPECT_EQ(parse_address("[::1]:80"), (Address{"::1", "80"}));
	EXPECT_FALSE(parse_address("host:http"));
	EXPECT_FALSE(parse_address("host:65536"));
	EXPECT_FALSE(parse_address("host:-1"));
	EXPECT_FALSE(parse_address("host:"));
	EXPECT_FALSE(parse_address("-"));
	EXPECT_FALSE(parse_address("./host:80"));
}

TEST(ParseBytes, KnowsUnits)
{
	EXPECT_EQ(parse_bytes("4096"), 4096U);
	EXPECT_EQ(parse_bytes("64K"), 65536U);
	EXPECT_EQ(parse_bytes("1M"), 1048576U);
	EXPECT_EQ(parse_bytes("3g"), 3221225472U);
	EXPECT_EQ(parse_bytes("1k"), 1024U);
	EXPECT_FALSE(parse_bytes(""));
	EXPECT_FALSE(parse_bytes("K"));
	EXPECT_FALSE(parse_bytes("-1"));
	EXPECT_FALSE(parse_bytes("1T"));
	EXPECT_FALSE(parse_bytes("18446744073709551615K"));
}

TEST_F(Endpoints, SourceMustExist)
{
	const std::string name = directory / "none";

	EXPECT_EQ(open_source(name, {}).error(),
		  "cannot open '" + name + "': No such file or directory");
}

TEST_F(Endpoints, SourceIsNoDirectory)
{
	EXPECT_EQ(open_source(directory, {}).error(),
		  "cannot read '" + directory.string() + "': Is a directory");
}

TEST_F(Endpoints, TargetIsNoDirectory)
{
	const auto source = open_source(make("source", "text"), {});

	EXPECT_EQ(Target::open(directory, *source, {}).error(),
		  "cannot open '" + directory.string() + "': Is a directory");
}

TEST_F(CounterFiles, AreReadByName)
{
	make("copied_bytes", "12\n");
	make("taken_bytes", "18446744073709551615\n");
	make("no_number", "text\n");

	EXPECT_EQ(read_counters(directory),
		  (Counters{{"copied_bytes", 12}, {"taken_bytes", UINT64_MAX}}));
}

TEST_F(CounterFiles, OneThatCannotBeOpenedIsAnError)
{
	make("copied_bytes", "12\n");
	fs::create_symlink("nowhere", directory / "taken_bytes");

	EXPECT_EQ(read_counters(directory).error(), "cannot read '" +
							    (directory / "taken_bytes").string() +
							    "': No such file or directory");
}

TEST_F(CounterFiles, MissingIsAnError)
{
	const std::string none = directory / "none";

	EXPECT_EQ(read_counters(none).error(),
		  "cannot read '" + none + "': No such file or directory");
}
