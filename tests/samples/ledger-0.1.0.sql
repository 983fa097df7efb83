BEGIN TRANSACTION;
CREATE TABLE "claim" ("key" VARCHAR(64) NOT NULL PRIMARY KEY, "lead" VARCHAR(26) NOT NULL, "claimed_at" INTEGER NOT NULL, "fingerprint" VARCHAR(64) NOT NULL) WITHOUT ROWID;
INSERT INTO "claim" VALUES('666f6b020470bfcbef6b6b4a12aa8e65d1d2d65d3043aba82a2b3295ee42dabc','01M80S0SWH6KJBVD3RQF8P2KPQ',1795322570642,'');
INSERT INTO "claim" VALUES('a90d31f3d4de722f966bf8cc31d749b2b5cd3c1ee65296b12c5b613e5e44a749','01M80S0SW183GAM8XGYXHS3QQB',1795322570625,'');
INSERT INTO "claim" VALUES('f7c321b209f8424330539cd23ee9445f870906c22c8b0b85e77a9d83c1a40707','01M80S0SWH6KJBVD3RQF8P2KPQ',1795322570642,'9ade32c564ac5655f045ac3c2ef11a897f6a76e154cf460282791a46a8012cbd');
CREATE TABLE "failedlogin" ("id" INTEGER NOT NULL PRIMARY KEY, "address" VARCHAR(255) NOT NULL, "at" INTEGER NOT NULL);
CREATE TABLE "knownlogin" ("digest" VARCHAR(64) NOT NULL PRIMARY KEY);
INSERT INTO "knownlogin" VALUES('5b4115865b92264a91c4c3b9991a6dd63f5d8d5663f4d6c1f588f7ca4d0f494f');
CREATE TABLE "lead" ("id" VARCHAR(26) NOT NULL PRIMARY KEY, "program" VARCHAR(255) NOT NULL, "received_at" INTEGER NOT NULL, "user" VARCHAR(255) NOT NULL, "partner" VARCHAR(255) NOT NULL, "status" INTEGER NOT NULL, "valid" INTEGER NOT NULL, "test" INTEGER NOT NULL, "reasons" TEXT NOT NULL, "note" VARCHAR(500) NOT NULL, "sale_amount" DECIMAL(8, 2), "customerid" VARCHAR(64) NOT NULL, "email" TEXT NOT NULL, "fields" TEXT NOT NULL, "rules" VARCHAR(64) NOT NULL, "trace" TEXT NOT NULL, "content_type" TEXT NOT NULL, "query" BLOB NOT NULL, "body" BLOB NOT NULL);
INSERT INTO "lead" VALUES('01M80S0SW183GAM8XGYXHS3QQB','default',1795322570625,'impact','',200,1,0,'[]','Lead submitted successfully',10,'4a4f80025e3f1a0902625f02952d2aad4fb2d96d0039f3ecd9d02081b55c19ae','ann@example.com','{"email":"ann@example.com","first_name":"Ann"}','1db94638d6ce99787acb2caa0e2a841b5bebb4f8d8e668d5ae7ce7f5388a34f7','[{"check":"email","result":"passed"},{"check":"first_name","result":"passed"},{"check":"years","result":"absent"},{"check":"sale_amount","result":"number 1 fits: 10.00"},{"check":"adult","result":"skipped: years is absent"},{"check":"duplicate","result":"passed"}]','application/json',X'',X'7B22656D61696C223A2022616E6E406578616D706C652E636F6D222C202266697273745F6E616D65223A2022416E6E227D');
INSERT INTO "lead" VALUES('01M80S0SW8KE9NY8VFBJ7WR83P','default',1795322570632,'impact','',200,0,0,'["duplicate"]','This email address was already submitted',NULL,'4a4f80025e3f1a0902625f02952d2aad4fb2d96d0039f3ecd9d02081b55c19ae','ann@example.com','{"email":"ann@example.com"}','1db94638d6ce99787acb2caa0e2a841b5bebb4f8d8e668d5ae7ce7f5388a34f7','[{"check":"email","result":"passed"},{"check":"first_name","result":"absent"},{"check":"years","result":"absent"},{"check":"sale_amount","result":"number 1 fits: 10.00"},{"check":"adult","result":"skipped: years is absent"},{"check":"duplicate","result":"refused: duplicate"}]','application/json',X'',X'7B22656D61696C223A2022616E6E406578616D706C652E636F6D227D');
INSERT INTO "lead" VALUES('01M80S0SWB82T49ZPV0V58VC8J','default',1795322570635,'impact','',400,0,0,'["body.unreadable"]','The XML is not well-formed: unclosed token in line 1',NULL,'','','{}','1db94638d6ce99787acb2caa0e2a841b5bebb4f8d8e668d5ae7ce7f5388a34f7','[{"check":"body","result":"refused: body.unreadable"}]','application/xml',X'',X'003C');
INSERT INTO "lead" VALUES('01M80S0SWH6KJBVD3RQF8P2KPQ','default',1795322570642,'impact','',200,1,0,'[]','Lead submitted successfully',10,'47bdbcd00986a6ce31bfc1cf3d039e86caf3f8198044c456f6fd76eba657c61a','bob@example.com','{"email":"bob@example.com"}','1db94638d6ce99787acb2caa0e2a841b5bebb4f8d8e668d5ae7ce7f5388a34f7','[{"check":"email","result":"passed"},{"check":"first_name","result":"absent"},{"check":"years","result":"absent"},{"check":"sale_amount","result":"number 1 fits: 10.00"},{"check":"adult","result":"skipped: years is absent"},{"check":"duplicate","result":"passed"}]','application/json',X'',X'7B22656D61696C223A2022626F62406578616D706C652E636F6D227D');
CREATE TABLE "ruletext" ("hash" VARCHAR(64) NOT NULL PRIMARY KEY, "program" VARCHAR(255) NOT NULL, "text" TEXT NOT NULL);
INSERT INTO "ruletext" VALUES('1db94638d6ce99787acb2caa0e2a841b5bebb4f8d8e668d5ae7ce7f5388a34f7','default','
title: A test program
customer: [email]
fields:
  email: {type: email, required: true, label: email address, aliases: [contact.email]}
  first_name: {max_length: 80}
  years: {type: integer}
rules:
  - id: adult
    reject_if: years < 18
    note: Applicants must be 18 or older
  - id: duplicate
    unique: [email]
    within: 90 days
    note: This email address was already submitted
sale_amount: 10.00
  
');
CREATE TABLE "total" ("key" VARCHAR(64) NOT NULL PRIMARY KEY, "used" INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX "failedlogin_address_at" ON "failedlogin" ("address", "at");
CREATE INDEX "lead_program" ON "lead" ("program");
COMMIT;
