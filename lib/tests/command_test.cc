// SPDX-License-Identifier: MIT
#include "counters.h"
#include "endpoint.h"
#include "parse.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

class InDirectory : public testing::Test {
protected:
	void SetUp() override
	{
		std::string name = testing::TempDir() + "privpipe-XXXXXX";
		ASSERT_NE(::mkdtemp(name.data()), nullptr);
		directory = name;
	}

	void TearDown() override { fs::remove_all(directory); }

	std::string make(const std::string &name, const std::string &content) const
	{
		const fs::path path = directory / name;
		std::ofstream(path) << content;
		return path;
	}

	fs::path directory;
};

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
	EXPECT_FALSE(parse_bytes(""));
	EXPECT_FALSE(parse_bytes("K"));
	EXPECT_FALSE(parse_bytes("-1"));
	EXPECT_FALSE(parse_bytes("1G"));
	EXPECT_FALSE(parse_bytes("18446744073709551615K"));
}

TEST_F(Endpoints, SourceMustExist)
{
	const std::string name = directory / "none";

	EXPECT_EQ(open_source(name).error(),
		  "cannot open '" + name + "': No such file or directory");
}

TEST_F(Endpoints, SourceIsNoDirectory)
{
	EXPECT_EQ(open_source(directory).error(),
		  "cannot read '" + directory.string() + "': Is a directory");
}

TEST_F(Endpoints, TargetIsNoDirectory)
{
	const auto source = open_source(make("source", "text"));

	EXPECT_EQ(open_target(directory, *source).error(),
		  "cannot open '" + directory.string() + "': Is a directory");
}

TEST_F(Endpoints, TargetIsTruncated)
{
	const auto source = open_source(make("source", "text"));
	const std::string name = make("target", "something longer");

	EXPECT_TRUE(open_target(name, *source));
	EXPECT_EQ(fs::file_size(name), 0U);
}

TEST_F(Endpoints, TargetIsNotTheSourceByAnotherName)
{
	const std::string name = make("source", "text");
	const std::string link = directory / "link";
	fs::create_hard_link(name, link);
	const auto source = open_source(name);

	EXPECT_EQ(open_target(link, *source).error(),
		  "'" + name + "' and '" + link + "' are the same file");
	EXPECT_EQ(fs::file_size(name), 4U);
}

TEST_F(Endpoints, NewTargetHasTheModeOfTheSource)
{
	const std::string name = make("source", "text");
	fs::permissions(name, fs::perms(0700));
	const auto source = open_source(name);
	const std::string target = directory / "target";

	EXPECT_TRUE(open_target(target, *source));
	EXPECT_EQ(fs::status(target).permissions(), fs::perms(0700));
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

	EXPECT_EQ(read_counters(directory).error(), std::errc::no_such_file_or_directory);
}

TEST_F(CounterFiles, MissingIsAnError)
{
	EXPECT_EQ(read_counters(directory / "none").error(), std::errc::no_such_file_or_directory);
}
